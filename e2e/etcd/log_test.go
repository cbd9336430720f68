package etcd_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/leasehold-go/leasehold/e2e/etcdtest"
	"github.com/leasehold-go/leasehold/e2e/internal/answered"
	"github.com/leasehold-go/leasehold/internal/full"
	"github.com/leasehold-go/leasehold/lease"
	"github.com/leasehold-go/leasehold/store"
	etcdstore "github.com/leasehold-go/leasehold/store/etcd"
)

// entry has one value to append.
func entry(n uint64) store.LogEntries {
	return store.LogEntries{First: n, Values: [][]byte{fmt.Append(nil, n)}, Limits: store.LogLimits{Entries: 1000, Age: time.Hour}}
}

// updateLogged makes an update with one entry. dropped gets the error of the entry, if it is not
// stored.
func updateLogged(ctx context.Context, st *etcdstore.Store, token store.Token, n uint64, dropped chan<- error) error {
	with := store.Addition{Log: entry(n)}
	with.Log.Failed = func(err error) { dropped <- err }
	return st.UpdateWith(ctx, store.Update{Key: "key", Token: token, Seq: n, Value: fmt.Append(nil, "value ", n)}, with)
}

// mustUpdate makes an update with one entry.
func mustUpdate(t *testing.T, st *etcdstore.Store, token store.Token, n uint64) {
	t.Helper()
	dropped := make(chan error, 1)
	err := updateLogged(t.Context(), st, token, n, dropped)
	if err != nil {
		t.Fatalf("update %d: %v", n, err)
	}
	t.Cleanup(func() {
		select {
		case err := <-dropped:
			t.Errorf("the entry of update %d: %v", n, err)
		default:
		}
	})
}

// wantLog checks that a log has the entries with the given numbers.
func wantLog(t *testing.T, what string, st *etcdstore.Store, numbers ...uint64) {
	t.Helper()
	if got := readLog(t, st, store.LogQuery{}); !slices.Equal(got, numbers) {
		t.Errorf("%s the log has %v, want %v", what, got, numbers)
	}
}

// readLog returns the numbers of a log's entries.
func readLog(t *testing.T, st *etcdstore.Store, query store.LogQuery) (numbers []uint64) {
	t.Helper()
	for e, err := range st.ReadLog(t.Context(), "key", query) {
		if err != nil {
			t.Fatal(err)
		}
		numbers = append(numbers, e.Number)
	}
	return numbers
}

// followLog returns the numbers of a log's entries as a reader gets them, until the test ends.
func followLog(t *testing.T, st *etcdstore.Store) <-chan uint64 {
	ctx, cancel := context.WithCancel(t.Context())
	got := make(chan uint64, 100)
	var reader sync.WaitGroup
	reader.Go(func() {
		for e, err := range st.FollowLog(ctx, "key", store.LogPosition{}) {
			if err == nil {
				got <- e.Number
			} else if ctx.Err() == nil {
				t.Errorf("the reader ended: %v", err)
			}
		}
	})
	t.Cleanup(func() {
		cancel()
		reader.Wait()
	})
	return got
}

func TestALogThatIsDeniedDoesNotFailAnUpdate(t *testing.T) {
	full.Only(t)
	t.Parallel()
	cluster := etcdtest.Start(t, etcdtest.Settings{})
	secure(t, cluster.Client(), "key", "leasehold:")
	root := cluster.Client(asUser("root", "secret"))
	st := open(t, cluster.Client(asUser("app", "secret")))
	token := holdKey(t, st)
	for n := range uint64(2) { // the second carries its entry
		mustUpdate(t, st, token, n+1)
	}
	wantLog(t, "before", st, 1, 2)
	for _, prefix := range []string{"leasehold:n", "leasehold:m", "leasehold:o", "leasehold:p"} {
		if _, err := root.RoleGrantPermission(t.Context(), "app", prefix, clientv3.GetPrefixRangeEnd(prefix), clientv3.PermissionType(clientv3.PermReadWrite)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := root.RoleRevokePermission(t.Context(), "app", "leasehold:", clientv3.GetPrefixRangeEnd("leasehold:")); err != nil {
		t.Fatal(err)
	}
	dropped := make(chan error, 3)
	for n := uint64(3); n < 6; n++ {
		if err := updateLogged(t.Context(), st, token, n, dropped); err != nil {
			t.Errorf("update %d: %v", n, err)
		}
	}
	for range 3 {
		select {
		case err := <-dropped:
			want(t, "an entry", err, store.ErrUnavailable, etcdstore.ErrDenied)
		case <-time.After(time.Minute):
			t.Fatal("an entry that is denied is not reported")
		}
	}
	if r, err := st.Get(t.Context(), "key"); err != nil || string(r.Value) != "value 5" {
		t.Errorf("the record has %q, %v", r.Value, err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var err error
	for _, err = range st.FollowLog(ctx, "key", store.LogPosition{}) {
	}
	want(t, "follow", err, etcdstore.ErrDenied)
}

// Without an etcd lease an update cannot carry its entry. It does not wait for one, and no later entry
// is stored before.
func TestAnUpdateDoesNotWaitForAnEtcdLeaseOfItsEntry(t *testing.T) {
	full.Only(t)
	t.Parallel()
	cluster := etcdtest.Start(t, etcdtest.Settings{})
	p := new(interceptor)
	st, other := open(t, p.client(cluster)), open(t, cluster.Client())
	token := holdKey(t, st)
	got := followLog(t, other)
	answer := sync.OnceFunc(p.hold("LeaseGrant"))
	defer answer() // before Close, which waits for the call
	for n := uint64(1); n <= 5; n++ {
		mustUpdate(t, st, token, n)
	}
	appended := make(chan error, 1)
	go func() { appended <- st.AppendLog(t.Context(), "key", token, entry(6)) }()
	if r, err := other.Get(t.Context(), "key"); err != nil || string(r.Value) != "value 5" {
		t.Errorf("the record has %q, %v", r.Value, err)
	}
	answer()
	if err := <-appended; err != nil {
		t.Errorf("append: %v", err)
	}
	wantLog(t, "afterwards", st, 1, 2, 3, 4, 5, 6)
	mustUpdate(t, st, token, 7)
	for n := uint64(1); n <= 7; n++ {
		wantNext(t, got, n)
	}
}

// An entry that its write could not carry is stored before FlushLog returns.
func TestFlushLogWaitsForAnEntryWithoutAnEtcdLease(t *testing.T) {
	full.Only(t)
	t.Parallel()
	cluster := etcdtest.Start(t, etcdtest.Settings{})
	p := new(interceptor)
	st, other := open(t, p.client(cluster)), open(t, cluster.Client())
	k, err := lease.NewKeeper(st, lease.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = k.Close(context.Background()) })
	l, err := k.Acquire(t.Context(), "key", []byte("value"), lease.WithLog(entry(1).Limits, nil))
	if err != nil {
		t.Fatal(err)
	}
	answer := sync.OnceFunc(p.hold("LeaseGrant"))
	defer answer()
	err = l.WriteContent(t.Context(), func() (lease.Content, error) {
		return lease.Content{Value: []byte("second"), Log: [][]byte{[]byte("entry")}}, nil
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if err := l.FlushLog(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("FlushLog before the entry can be stored: %v", err)
	}
	answer()
	if err := l.FlushLog(t.Context()); err != nil {
		t.Error(err)
	}
	wantLog(t, "after FlushLog", other, 1)
}

// An operator revokes the etcd lease of the entries: they go, and later ones are on another.
func TestAnEtcdLeaseOfALogThatIsRevokedIsGrantedAgain(t *testing.T) {
	full.Only(t)
	t.Parallel()
	cluster := etcdtest.Start(t, etcdtest.Settings{})
	st, client := open(t, cluster.Client()), cluster.Client()
	token := holdKey(t, st)
	for n := range uint64(4) {
		mustUpdate(t, st, token, n+1)
		if n != 1 {
			continue
		}
		wantLog(t, "before the revoke", st, 1, 2)
		found, err := client.Get(t.Context(), "leasehold:l:", clientv3.WithPrefix(), clientv3.WithLimit(1))
		if err != nil || len(found.Kvs) == 0 {
			t.Fatalf("%v, %v", found, err)
		}
		if _, err := client.Revoke(t.Context(), clientv3.LeaseID(found.Kvs[0].Lease)); err != nil {
			t.Fatal(err)
		}
	}
	wantLog(t, "after the revoke", st, 3, 4)
}

// Entries do not cost an etcd lease each.
func TestLogEntriesShareEtcdLeases(t *testing.T) {
	full.Only(t)
	t.Parallel()
	cluster := etcdtest.Start(t, etcdtest.Settings{})
	p := new(interceptor)
	st := open(t, p.client(cluster))
	token := holdKey(t, st)
	before := p.seen("LeaseGrant")
	var numbers []uint64
	for n := range uint64(100) {
		mustUpdate(t, st, token, n+1)
		numbers = append(numbers, n+1)
	}
	if grants := p.seen("LeaseGrant") - before; grants != 1 {
		t.Errorf("100 entries took %d etcd leases, want 1", grants)
	}
	wantLog(t, "afterwards", st, numbers...)
}

func TestAFollowedLogSurvivesCompactionsAndClosedConnections(t *testing.T) {
	full.Only(t)
	t.Parallel()
	cluster := etcdtest.Start(t, etcdtest.Settings{})
	c := new(connections)
	follower, st, other := open(t, c.client(cluster)), open(t, cluster.Client()), cluster.Client()
	token := holdKey(t, st)
	got := followLog(t, follower)
	for n := uint64(1); n <= 20; n++ {
		c.closeAll()
		mustUpdate(t, st, token, n)
		putAndCompact(t, other)
	}
	for n := uint64(1); n <= 20; n++ {
		wantNext(t, got, n)
	}
}

// The tokens of a cluster that has lost its data begin again, below the position of the reader.
func TestAFollowedLogSurvivesALossOfData(t *testing.T) {
	full.Only(t)
	t.Parallel()
	b := start(t, etcdtest.Settings{})
	for range 20 { // so that the new revisions are smaller
		b.other.put("other", []byte("value"), store.Forever)
	}
	grant := b.create(claim("key", long))
	reader := open(t, b.cluster.Client())
	got := followLog(t, reader)
	if err := b.AppendLog(t.Context(), "key", grant.Token, entry(7)); err != nil {
		t.Fatal(err)
	}
	wantNext(t, got, 7)
	b.cluster.RestartEmpty()
	again, err := answered.Acquire(t.Context(), func() (store.Grant, error) { return b.Create(t.Context(), claim("key", long)) })
	if err != nil {
		t.Fatal(err)
	}
	if again.Token >= grant.Token {
		t.Fatalf("token %d after %d", again.Token, grant.Token)
	}
	for n := uint64(1); n <= 3; n++ {
		if _, err := answered.Acquire(t.Context(), func() (any, error) {
			return nil, b.AppendLog(t.Context(), "key", again.Token, entry(n))
		}); err != nil {
			t.Fatal(err)
		}
		wantNext(t, got, n)
	}
}

// A full database takes neither a value nor its entry, so no entry is lost then. The log can be read.
func TestALogOfAFullDatabase(t *testing.T) {
	full.Only(t)
	t.Parallel()
	cluster := etcdtest.Start(t, etcdtest.Settings{Quota: 8 << 20})
	st, client := open(t, cluster.Client()), cluster.Client()
	token := holdKey(t, st)
	for n := range uint64(2) {
		mustUpdate(t, st, token, n+1)
	}
	wantLog(t, "before", st, 1, 2)
	var err error
	for i := 0; i < 100 && err == nil; i++ {
		_, err = client.Put(t.Context(), fmt.Sprint("other ", i), strings.Repeat("x", 1<<20))
	}
	want(t, "put", err, rpctypes.ErrNoSpace)
	dropped := make(chan error, 1)
	want(t, "update", updateLogged(t.Context(), st, token, 3, dropped), store.ErrUnavailable, etcdstore.ErrNoSpace)
	want(t, "append", st.AppendLog(t.Context(), "key", token, entry(3)), store.ErrUnavailable, etcdstore.ErrNoSpace)
	wantLog(t, "of a full database", st, 1, 2)
	deleted, err := client.Delete(t.Context(), "other ", clientv3.WithPrefix())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.Compact(t.Context(), deleted.Header.Revision, clientv3.WithCompactPhysical()); err != nil {
		t.Fatal(err)
	}
	if _, err := client.Defragment(t.Context(), cluster.Member(0).Endpoint()); err != nil {
		t.Fatal(err)
	}
	if _, err := client.AlarmDisarm(t.Context(), new(clientv3.AlarmMember)); err != nil {
		t.Fatal(err)
	}
	if len(dropped) > 0 {
		t.Errorf("the entry of an update that was refused is reported: %v", <-dropped)
	}
	mustUpdate(t, st, token, 3)
	wantLog(t, "with space", st, 1, 2, 3)
}

// Updates go on under another leader, and each entry is stored once or reported. A reader
// gets them in order.
func TestLogsSurviveTheirMembers(t *testing.T) {
	full.Only(t)
	t.Parallel()
	for name, remove := range map[string]func(leader, other etcdtest.Member) (restore func()){
		"a member that hangs":  func(_, other etcdtest.Member) func() { other.Pause(); return other.Resume },
		"a leader that hangs":  func(leader, _ etcdtest.Member) func() { leader.Pause(); return leader.Resume },
		"a leader that fails":  func(leader, _ etcdtest.Member) func() { leader.Kill(); return leader.Restart },
		"a leader that leaves": func(leader, _ etcdtest.Member) func() { leader.Stop(); return leader.Restart },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cluster := etcdtest.Start(t, etcdtest.Settings{Members: 3})
			st, other := open(t, cluster.Client()), open(t, cluster.Client())
			grant, err := st.Create(t.Context(), claim("key", 10*time.Minute))
			if err != nil {
				t.Fatal(err)
			}
			got := followLog(t, other)
			const updates = 40
			dropped := make([]chan error, updates+1)
			update := func(n uint64) {
				t.Helper()
				dropped[n] = make(chan error, 100) // each try may report it
				for late := time.Now().Add(2 * time.Minute); ; time.Sleep(50 * time.Millisecond) {
					try, cancel := context.WithTimeout(t.Context(), 3*time.Second)
					err := updateLogged(try, st, grant.Token, n, dropped[n])
					cancel()
					if err == nil {
						return
					}
					if !errors.Is(err, store.ErrUnavailable) && !errors.Is(err, store.ErrInDoubt) || time.Now().After(late) {
						t.Fatalf("update %d: %v", n, err)
					}
				}
			}
			restore := func() {}
			for n := uint64(1); n <= updates; n++ {
				switch n {
				case updates / 4:
					leader, next := cluster.Leader(), 0
					if cluster.Member(0).Endpoint() == leader.Endpoint() {
						next = 1
					}
					restore = remove(leader, cluster.Member(next))
				case updates / 2:
					restore()
				}
				update(n)
			}
			stored := readLog(t, st, store.LogQuery{})
			for n := uint64(1); n <= updates; n++ {
				if !slices.Contains(stored, n) && len(dropped[n]) == 0 {
					t.Errorf("entry %d is neither stored nor reported", n)
				}
			}
			if r, err := st.Get(t.Context(), "key"); err != nil || string(r.Value) != fmt.Sprint("value ", updates) {
				t.Errorf("the record has %q, %v", r.Value, err)
			}
			for _, n := range stored {
				wantNext(t, got, n)
			}
		})
	}
}

// BenchmarkUpdateWithLog compares an update that carries an entry of 200 bytes with one that
// carries none, and BenchmarkReadLog the newest 100 entries with a bare range, by turns.
func BenchmarkUpdateWithLog(b *testing.B) {
	s := start(b, etcdtest.Settings{})
	grant, err := s.Create(b.Context(), claim("key", long))
	if err != nil {
		b.Fatal(err)
	}
	u := store.Update{Key: "key", Token: grant.Token, Value: make([]byte, 200)}
	e := entry(0)
	e.Values[0] = make([]byte, 200)
	byTurns(b, "logged", "plain", [2]func() error{
		func() error {
			u.Seq++
			e.First++
			return s.UpdateWith(b.Context(), u, store.Addition{Log: e})
		},
		func() error {
			u.Seq++
			return s.Update(b.Context(), u)
		},
	})
}

func BenchmarkReadLog(b *testing.B) {
	s := start(b, etcdtest.Settings{})
	grant, err := s.Create(b.Context(), claim("key", long))
	if err != nil {
		b.Fatal(err)
	}
	for n := uint64(1); n <= 300; n++ {
		e := entry(n)
		e.Values[0] = make([]byte, 200)
		if err := s.AppendLog(b.Context(), "key", grant.Token, e); err != nil {
			b.Fatal(err)
		}
	}
	byTurns(b, "leasehold", "raw", [2]func() error{
		func() error {
			for _, err := range s.ReadLog(b.Context(), "key", store.LogQuery{Backward: true, Limit: 100}) {
				if err != nil {
					return err
				}
			}
			return nil
		},
		func() error {
			_, err := s.other.client.Get(b.Context(), "leasehold:l:", clientv3.WithPrefix(), clientv3.WithLimit(100), clientv3.WithSort(clientv3.SortByKey, clientv3.SortDescend))
			return err
		},
	})
}

// byTurns measures two contenders. Its metrics are the microseconds of each, and how many times
// as long the first takes.
func byTurns(b *testing.B, first, second string, do [2]func() error) {
	var spent [2]time.Duration
	calls := 0
	for b.Loop() {
		for i, one := range do {
			began := time.Now()
			for range turn {
				if err := one(); err != nil {
					b.Fatal(err)
				}
			}
			spent[i] += time.Since(began)
		}
		calls += turn
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(float64(spent[0].Microseconds())/float64(calls), first+"-µs")
	b.ReportMetric(float64(spent[1].Microseconds())/float64(calls), second+"-µs")
	b.ReportMetric(float64(spent[0])/float64(spent[1]), first+"/"+second)
}

// Keys of another program among those of a log are not taken for entries, wherever they stand.
func TestForeignKeysInALogAreSkipped(t *testing.T) {
	full.Only(t)
	t.Parallel()
	cluster := etcdtest.Start(t, etcdtest.Settings{})
	st, other := open(t, cluster.Client()), otherProgram{t, cluster.Client()}
	token := holdKey(t, st)
	prefix := "leasehold:l:003:key:"
	for i := range 150 { // more than two pages
		other.put(fmt.Sprintf("%s!%03d", prefix, i), []byte("x"), store.Forever)
	}
	names := []string{"", ":", "f:1", "zz", "0000000000000001", "0000000000000001:", "0000000000000001:000000000000000g", "0000000000000001:00000000000000010",
		"ffffffffffffffff:FFFFFFFFFFFFFFFF", fmt.Sprintf("%016x:%016x", uint64(token), 3)}
	for _, name := range names {
		other.put(prefix+name, nil, store.Forever)
	}
	got := followLog(t, st)
	for n := uint64(1); n <= 2; n++ {
		mustUpdate(t, st, token, n)
		for _, name := range names {
			other.put(prefix+name, nil, store.Forever)
		}
		wantNext(t, got, n)
	}
	wantLog(t, "among foreign keys", st, 1, 2)
	if backward := readLog(t, st, store.LogQuery{Backward: true, Limit: 3}); !slices.Equal(backward, []uint64{2, 1}) {
		t.Errorf("read backward the log has %v, want 2 and 1", backward)
	}
}

// wantNext waits for the next entry of a reader.
func wantNext(t *testing.T, got <-chan uint64, n uint64) {
	t.Helper()
	select {
	case number := <-got:
		if number != n {
			t.Fatalf("the reader got entry %d, want %d", number, n)
		}
	case <-time.After(time.Minute):
		t.Fatalf("the reader has not got entry %d", n)
	}
}

// The holder may write values all the time: an append does not fail because of that.
func TestEntriesAreAppendedBetweenUpdates(t *testing.T) {
	full.Only(t)
	t.Parallel()
	cluster := etcdtest.Start(t, etcdtest.Settings{})
	p := new(interceptor)
	st, other := open(t, p.client(cluster)), open(t, cluster.Client())
	token := holdKey(t, st)
	seq := uint64(0)
	p.setRule("Txn", func(ctx context.Context, send func(context.Context) error) error {
		seq++
		if err := other.Update(t.Context(), store.Update{Key: "key", Token: token, Seq: seq, Value: fmt.Append(nil, "value ", seq)}); err != nil {
			t.Errorf("update %d: %v", seq, err)
		}
		return send(ctx)
	})
	for n := range uint64(3) {
		if err := st.AppendLog(t.Context(), "key", token, entry(n+1)); err != nil {
			t.Errorf("append: %v", err)
		}
	}
	p.clearRule()
	wantLog(t, "afterwards", st, 1, 2, 3)
	if err := other.Delete(t.Context(), "key", store.ByToken(token)); err != nil {
		t.Fatal(err)
	}
	want(t, "append after a delete", st.AppendLog(t.Context(), "key", token, entry(4)), store.ErrLost)
}
