package etcd_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/leasehold-go/leasehold/e2e/etcdtest"
	"github.com/leasehold-go/leasehold/internal/full"
	"github.com/leasehold-go/leasehold/store"
	etcdstore "github.com/leasehold-go/leasehold/store/etcd"
)

func request(id string, ttl time.Duration) store.Request {
	return store.Request{Key: "key", ID: id, Body: []byte("body"), TTL: ttl}
}

func answerTo(id string) store.Answer {
	return store.Answer{ID: id, Body: []byte("done"), TTL: long, Final: true}
}

// asked is the result of an Ask in a goroutine.
type asked struct {
	answer store.Answer
	err    error
}

func ask(ctx context.Context, st *etcdstore.Store, q store.Request) <-chan asked {
	result := make(chan asked, 1)
	go func() {
		a, err := st.Ask(ctx, q)
		result <- asked{a, err}
	}()
	return result
}

func wantDone(t *testing.T, what string, result <-chan asked) {
	t.Helper()
	select {
	case got := <-result:
		if got.err != nil || string(got.answer.Body) != "done" || !got.answer.Final {
			t.Errorf("%s: %+v, %v", what, got.answer, got.err)
		}
	case <-time.After(time.Minute):
		t.Fatalf("%s: no answer", what)
	}
}

// readRequests reads the requests of a lease until it has so many, and returns their ids.
func readRequests(t *testing.T, st *etcdstore.Store, token store.Token, n int) (ids []string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for q, err := range st.Requests(ctx, "key", token) {
		if err != nil {
			t.Fatalf("requests: %v after %d of %d", err, len(ids), n)
		}
		if ids = append(ids, q.ID); len(ids) == n {
			break
		}
	}
	return ids
}

func holdKey(t *testing.T, st *etcdstore.Store) store.Token {
	t.Helper()
	grant, err := st.Create(t.Context(), claim("key", long))
	if err != nil {
		t.Fatal(err)
	}
	return grant.Token
}

func TestARequestWhoseReplyIsLostIsQueuedOnce(t *testing.T) {
	full.Only(t)
	t.Parallel()
	cluster := etcdtest.Start(t, etcdtest.Settings{})
	p := new(interceptor)
	sender, holder := open(t, p.client(cluster)), open(t, cluster.Client())
	token := holdKey(t, holder)
	p.lose("Txn")
	result := ask(t.Context(), sender, request("1", long))
	if ids := readRequests(t, holder, token, 1); ids[0] != "1" {
		t.Fatalf("the holder got %q", ids)
	}
	p.clearRule()
	if err := holder.Answer(t.Context(), "key", token, answerTo("1")); err != nil {
		t.Fatal(err)
	}
	wantDone(t, "after a lost reply", result)
	second := ask(t.Context(), sender, request("2", long))
	if ids := readRequests(t, holder, token, 1); ids[0] != "2" {
		t.Errorf("after the answer the holder got %q, want only the next request", ids)
	}
	holder.Answer(t.Context(), "key", token, answerTo("2"))
	wantDone(t, "the next request", second)
}

func TestAnAnswerWhoseReplyIsLostCanBeRepeated(t *testing.T) {
	full.Only(t)
	t.Parallel()
	for name, send := range map[string]func(*testing.T, *etcdstore.Store, store.Token) error{
		"answer": func(t *testing.T, st *etcdstore.Store, token store.Token) error {
			return st.Answer(t.Context(), "key", token, answerTo("1"))
		},
		"update": func(t *testing.T, st *etcdstore.Store, token store.Token) error {
			a := answerTo("1")
			return st.UpdateWith(t.Context(), store.Update{Key: "key", Token: token, Seq: 1, Value: []byte("second")}, store.Addition{Answer: &a})
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cluster := etcdtest.Start(t, etcdtest.Settings{})
			p := new(interceptor)
			sender, holder := open(t, cluster.Client()), open(t, p.client(cluster))
			token := holdKey(t, holder)
			result := ask(t.Context(), sender, request("1", long))
			readRequests(t, holder, token, 1)
			p.lose("Txn")
			want(t, "without a reply", send(t, holder, token), store.ErrInDoubt)
			p.clearRule()
			if err := send(t, holder, token); err != nil {
				t.Errorf("the repeat: %v", err)
			}
			wantDone(t, "with a repeated "+name, result)
			if r, err := holder.Get(t.Context(), "key"); err != nil || name == "update" && string(r.Value) != "second" {
				t.Errorf("the record has %q, %v", r.Value, err)
			}
		})
	}
}

// A sender that leaves ends its request no more; the etcd lease of the request does.
func TestRequestsAndAnswersLeaveNothing(t *testing.T) {
	full.Only(t)
	t.Parallel()
	cluster := etcdtest.Start(t, etcdtest.Settings{})
	st := open(t, cluster.Client())
	token := holdKey(t, st)
	ctx, cancel := context.WithCancel(t.Context())
	left := ask(ctx, st, request("of a sender that leaves", 5*time.Second))
	answered := ask(t.Context(), st, request("answered", 5*time.Second))
	readRequests(t, st, token, 2)
	cancel()
	want(t, "a sender that leaves", (<-left).err, store.ErrInDoubt)
	a := answerTo("answered")
	a.TTL = 5 * time.Second
	if err := st.Answer(t.Context(), "key", token, a); err != nil {
		t.Fatal(err)
	}
	wantDone(t, "before all is gone", answered)
	client := cluster.Client()
	for late := time.Now().Add(time.Minute); ; time.Sleep(100 * time.Millisecond) {
		var names []string
		for _, prefix := range []string{"leasehold:q:", "leasehold:a:"} {
			got, err := client.Get(t.Context(), prefix, clientv3.WithPrefix(), clientv3.WithKeysOnly())
			if err != nil {
				t.Fatal(err)
			}
			for _, kv := range got.Kvs {
				names = append(names, string(kv.Key))
			}
		}
		if len(names) == 0 {
			return
		}
		if time.Now().After(late) {
			t.Fatalf("there are still %q", names)
		}
	}
}

// The servers end about a thousand etcd leases a second.
func TestRequestsShareEtcdLeases(t *testing.T) {
	full.Only(t)
	t.Parallel()
	cluster := etcdtest.Start(t, etcdtest.Settings{})
	p := new(interceptor)
	sender, holder := open(t, p.client(cluster)), open(t, cluster.Client())
	token := holdKey(t, holder)
	before := p.seen("LeaseGrant")
	for i := range 50 {
		result := ask(t.Context(), sender, request(fmt.Sprint(i), 10*time.Minute+time.Millisecond))
		readRequests(t, holder, token, 1)
		if err := holder.Answer(t.Context(), "key", token, answerTo(fmt.Sprint(i))); err != nil {
			t.Fatal(err)
		}
		wantDone(t, "one of fifty", result)
	}
	if grants := p.seen("LeaseGrant") - before; grants != 1 {
		t.Errorf("50 requests within an eighth of their ttl took %d etcd leases, want 1", grants)
	}
}

// An etcd member that hangs keeps its connections and its watches open.
func TestRequestsAndAskNoticeAMemberThatHangs(t *testing.T) {
	full.Only(t)
	t.Parallel()
	cluster := etcdtest.Start(t, etcdtest.Settings{})
	d, e := new(hangSwitch), new(hangSwitch)
	sender, holder := open(t, d.client(cluster)), open(t, e.client(cluster))
	token := holdKey(t, holder)
	got := make(chan string, 3)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go func() {
		defer close(got)
		for q := range holder.Requests(ctx, "key", token) {
			if q.ID == "" {
				return
			}
			got <- q.ID
		}
	}()
	result := ask(t.Context(), sender, request("1", long))
	if id := <-got; id != "1" {
		t.Fatalf("the holder got %q", id)
	}
	time.Sleep(200 * time.Millisecond) // until both wait on their watches, or soon will
	d.hangs.Add(1)
	e.hangs.Add(1)
	second := ask(t.Context(), sender, request("2", long))
	if id := <-got; id != "2" {
		t.Fatalf("after its watch hung the holder got %q", id)
	}
	for _, id := range []string{"1", "2"} {
		if err := holder.Answer(t.Context(), "key", token, answerTo(id)); err != nil {
			t.Fatal(err)
		}
	}
	wantDone(t, "of a sender whose watch hung", result)
	wantDone(t, "of a later request", second)
}

// Keys whose requests, answers and logs are read share streams, as watched keys do.
func TestReadersOfManyKeysShareStreams(t *testing.T) {
	t.Parallel()
	const keys = 40
	var streams atomic.Int64
	st := open(t, etcdtest.Start(t, etcdtest.Settings{}).Client(countWatchStreams(&streams)))
	ctx, leave := context.WithCancel(t.Context())
	var readers sync.WaitGroup
	defer readers.Wait()
	defer leave()
	var answers []<-chan asked
	for i := range keys {
		c := claim(fmt.Sprintf("key/%02d", i), long)
		grant, err := st.Create(t.Context(), c)
		if err != nil {
			t.Fatal(err)
		}
		read := make(chan struct{})
		readers.Go(func() {
			for q, err := range st.Requests(ctx, c.Key, grant.Token) {
				if err != nil {
					if ctx.Err() == nil {
						t.Errorf("requests of %s: %v", c.Key, err)
					}
					return
				}
				if err := st.AppendLog(ctx, c.Key, grant.Token, entry(1)); err != nil {
					t.Errorf("log of %s: %v", c.Key, err)
				}
				<-read
				if err := st.Answer(ctx, c.Key, grant.Token, answerTo(q.ID)); err != nil {
					t.Errorf("answer of %s: %v", c.Key, err)
				}
			}
		})
		readers.Go(func() {
			for _, err := range st.FollowLog(ctx, c.Key, store.LogPosition{}) {
				if err != nil {
					if ctx.Err() == nil {
						t.Errorf("log of %s: %v", c.Key, err)
					}
					return
				}
				close(read)
			}
		})
		q := request("1", long)
		q.Key = c.Key
		answers = append(answers, ask(t.Context(), st, q))
	}
	for i, result := range answers {
		wantDone(t, fmt.Sprint("key ", i), result)
	}
	if n := streams.Load(); n > keys/2 {
		t.Errorf("%d streams for %d keys", n, keys)
	}
}

func TestRequestsSurviveACompaction(t *testing.T) {
	full.Only(t)
	t.Parallel()
	cluster := etcdtest.Start(t, etcdtest.Settings{})
	c := new(connections)
	st, other := open(t, c.client(cluster)), cluster.Client()
	token := holdKey(t, st)
	result := ask(t.Context(), st, request("1", long))
	readRequests(t, st, token, 1)
	for range 20 {
		c.closeAll()
		putAndCompact(t, other)
	}
	for late := time.Now().Add(time.Minute); ; time.Sleep(100 * time.Millisecond) {
		err := st.Answer(t.Context(), "key", token, answerTo("1"))
		if err == nil {
			break
		}
		if time.Now().After(late) {
			t.Fatal(err)
		}
	}
	wantDone(t, "across compactions", result)
}

// BenchmarkRequest compares the way of a request to its answer with two puts and watches by
// hand, by turns. Each metric is one contender's microseconds, or the ratio of ours to the other.
func BenchmarkRequest(b *testing.B) {
	s := start(b, etcdtest.Settings{})
	holder, there, back := open(b, s.cluster.Client()), s.cluster.Client(), s.other.client
	grant, err := holder.Create(b.Context(), claim("key", long))
	if err != nil {
		b.Fatal(err)
	}
	go func() {
		for q := range holder.Requests(b.Context(), "key", grant.Token) {
			holder.Answer(b.Context(), "key", grant.Token, store.Answer{ID: q.ID, Body: q.Body, TTL: time.Minute, Final: true})
		}
	}()
	asked, answered := there.Watch(b.Context(), "asked"), back.Watch(b.Context(), "answered")
	go func() {
		for range asked {
			there.Put(b.Context(), "answered", "body")
		}
	}()
	number := 0
	ours := func(ctx context.Context) error {
		number++
		_, err := s.Ask(ctx, store.Request{Key: "key", ID: fmt.Sprint(number), Body: []byte("body"), TTL: time.Minute})
		return err
	}
	raw := func(ctx context.Context) error {
		if _, err := back.Put(ctx, "asked", "body"); err != nil {
			return err
		}
		<-answered
		return nil
	}
	var spent [2]time.Duration
	trips := 0
	for b.Loop() {
		for i, trip := range []func(context.Context) error{ours, raw} {
			began := time.Now()
			for range turn {
				if err := trip(b.Context()); err != nil {
					b.Fatal(err)
				}
			}
			spent[i] += time.Since(began)
		}
		trips += turn
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(float64(spent[0].Microseconds())/float64(trips), "leasehold-µs")
	b.ReportMetric(float64(spent[1].Microseconds())/float64(trips), "raw-µs")
	b.ReportMetric(float64(spent[0])/float64(spent[1]), "ours/raw")
}

// A request that another program wrote is neither yielded nor in the way of others, and leaves
// the queue.
func TestForeignRequestsAreSkippedAndDropped(t *testing.T) {
	full.Only(t)
	t.Parallel()
	cluster := etcdtest.Start(t, etcdtest.Settings{})
	st, other := open(t, cluster.Client()), otherProgram{t, cluster.Client()}
	token := holdKey(t, st)
	values := []string{"", "x", "\n", "0 1000 asker", "0 1000 asker\n", "0 0 asker\nbody", "0 -5 asker\nbody", "x 1000 asker\nbody",
		"0 9999999999999 asker\nbody", "0 1000 asker\n" + strings.Repeat("x", store.MaxRequest+1)}
	prefix := "leasehold:q:003:key:"
	for i := range store.MaxRequests {
		other.put(fmt.Sprint(prefix, i), []byte(values[i%len(values)]), store.Forever)
	}
	for _, name := range []string{"", "\xff", strings.Repeat("i", store.MaxRequestID+1)} {
		other.put(prefix+name, []byte("0 1000 asker\nbody"), store.Forever)
	}
	_, err := st.Ask(t.Context(), request("too many", long))
	want(t, "Ask before the holder listens", err, store.ErrFull)
	ctx, cancel := context.WithCancel(t.Context())
	got := make(chan string, 100)
	var all sync.WaitGroup
	defer all.Wait()
	defer cancel()
	all.Go(func() {
		for q, err := range st.Requests(ctx, "key", token) {
			if err == nil {
				got <- q.ID
			} else if ctx.Err() == nil {
				t.Errorf("the reader ended: %v", err)
			}
		}
	})
	empty := func() bool {
		left, err := other.client.Get(t.Context(), prefix, clientv3.WithPrefix(), clientv3.WithCountOnly())
		if err != nil {
			t.Fatal(err)
		}
		return left.Count == 0
	}
	for late := time.Now().Add(time.Minute); !empty(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(late) {
			t.Fatal("there are still foreign requests")
		}
	}
	other.put(prefix+"late", []byte("x"), store.Forever)
	result := ask(t.Context(), st, request("ours", long))
	if id := <-got; id != "ours" {
		t.Fatalf("the holder got %q", id)
	}
	if err := st.Answer(t.Context(), "key", token, answerTo("ours")); err != nil {
		t.Fatal(err)
	}
	wantDone(t, "behind foreign requests", result)
	if !empty() {
		t.Error("a later foreign request is still there")
	}
}
