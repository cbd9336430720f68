package etcd_test

import (
	"context"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"testing"

	clientv3 "go.etcd.io/etcd/client/v3"
	"google.golang.org/grpc"

	"github.com/leasehold-go/leasehold/e2e/etcdtest"
	"github.com/leasehold-go/leasehold/store"
)

// list returns the records under a prefix by key.
func list(t *testing.T, st store.Store, prefix string) map[string]store.Record {
	t.Helper()
	all := make(map[string]store.Record)
	for r, err := range st.List(t.Context(), prefix) {
		if err != nil {
			t.Fatal(err)
		}
		if _, twice := all[r.Key]; twice {
			t.Errorf("%q is listed twice", r.Key)
		}
		all[r.Key] = r
	}
	return all
}

func TestAListOfManyRecordsTakesAsManyReadsAsOneOfFew(t *testing.T) {
	t.Parallel()
	b := start(t, etcdtest.Settings{})
	b.createMany("few", 3)
	b.createMany("many", 300)
	counted := new(interceptor)
	st := open(t, counted.client(b.cluster))
	reads := func(prefix string, n int) int {
		before := counted.seen("Range") + counted.seen("Txn")
		if got := len(list(t, st, prefix)); got != n {
			t.Errorf("%d records under %q; want %d", got, prefix, n)
		}
		return counted.seen("Range") + counted.seen("Txn") - before
	}
	if few, many := reads("few", 3), reads("many", 300); many != few {
		t.Errorf("%d reads for 300 records, and %d for 3", many, few)
	}
}

// received is a connection that counts the bytes that come.
type received struct {
	net.Conn
	bytes *atomic.Int64
}

func (r received) Read(p []byte) (int, error) {
	n, err := r.Conn.Read(p)
	r.bytes.Add(int64(n))
	return n, err
}

// Values of other programs lie among the records and over one, and one record lacks its value.
func TestAListReadsNoValuesOfOtherKeys(t *testing.T) {
	t.Parallel()
	for name, others := range map[string][]string{"more keys than records": {"app/1/huge", "app/3/huge"}, "as many": {"app/3/huge"}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			listAmong(t, others)
		})
	}
}

func listAmong(t *testing.T, others []string) {
	b := start(t, etcdtest.Settings{})
	for i := range 5 {
		b.create(claim(fmt.Sprint("app/", i), long))
	}
	b.other.put("app/2", []byte("other"), store.Forever)
	b.other.delete("app/3")
	huge := make([]byte, 1<<20)
	for _, key := range others {
		b.other.put(key, huge, long)
	}
	var bytes atomic.Int64
	st := open(t, b.cluster.Client(func(cfg *clientv3.Config) {
		cfg.DialOptions = append(cfg.DialOptions, grpc.WithContextDialer(func(ctx context.Context, addr string) (net.Conn, error) {
			conn, err := new(net.Dialer).DialContext(ctx, "tcp", addr)
			return received{conn, &bytes}, err
		}))
	}))
	bytes.Store(0)
	all := list(t, st, "app/")
	if n := bytes.Load(); n >= int64(len(huge)) {
		t.Errorf("the list received %d bytes", n)
	}
	for key, value := range map[string]string{"app/0": "first", "app/1": "first", "app/2": "other", "app/4": "first"} {
		if r := all[key]; string(r.Value) != value || r.Foreign() != (value == "other") || r.Left <= 0 {
			t.Errorf("%q is %+v", key, r)
		}
	}
	if len(all) != 4 {
		t.Errorf("%d records; want 4", len(all))
	}
}

func TestAListGoesOnAfterACompaction(t *testing.T) {
	t.Parallel()
	b := start(t, etcdtest.Settings{})
	b.create(claim("app/1", long))
	calls := new(interceptor)
	st := open(t, calls.client(b.cluster))
	var once sync.Once
	calls.setRule("Range", func(ctx context.Context, send func(context.Context) error) error {
		defer once.Do(func() { putAndCompact(t, b.other.client) }) // after the notes, before the values
		return send(ctx)
	})
	if all := list(t, st, "app/"); string(all["app/1"].Value) != "first" || len(all) != 1 {
		t.Errorf("%+v", all)
	}
}

// The user may read the records and not all that could lie between them.
func TestAListNeedsNoRightToOtherKeys(t *testing.T) {
	t.Parallel()
	cluster := etcdtest.Start(t, etcdtest.Settings{})
	secure(t, cluster.Client(), "app/", "tmp/", "leasehold:")
	st := open(t, cluster.Client(asUser("app", "secret")))
	for _, key := range []string{"app/1", "app/2", "tmp/1"} {
		if _, err := st.Create(t.Context(), claim(key, long)); err != nil {
			t.Fatal(err)
		}
	}
	if all := list(t, st, ""); len(all) != 3 {
		t.Errorf("%d records; want 3", len(all))
	}
}
