package registry_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/leasehold-go/leasehold/fsm"
	"github.com/leasehold-go/leasehold/internal/full"
	"github.com/leasehold-go/leasehold/internal/teststore"
	"github.com/leasehold-go/leasehold/lease"
	"github.com/leasehold-go/leasehold/registry"
	"github.com/leasehold-go/leasehold/store"
)

// decode decodes a value as a reader does.
func decode(value []byte) (e record) {
	var v struct {
		payload
		Part struct {
			State   string
			History []fsm.Transition[string]
		} `json:"leasehold"`
	}
	if err := json.Unmarshal(value, &v); err != nil {
		panic(err)
	}
	e.Payload, e.State, e.History = v.payload, v.Part.State, v.Part.History
	return e
}

// callers calls one instance from many goroutines on a store with faults, and inspects each value
// before it is sent.
type callers struct {
	inst  *instance
	count atomic.Int64 // largest count whose update succeeded
	done  atomic.Int64 // updates that succeeded
	moved atomic.Int64 // transitions that succeeded

	mu    sync.Mutex
	wrong []error
}

func (c *callers) fail(format string, args ...any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.wrong = append(c.wrong, fmt.Errorf(format, args...))
}

// inspect checks that a value about to be sent is not made from contents older than the confirmed
// ones.
func (c *callers) inspect(value []byte) {
	e, s, m := decode(value), c.inst.Status(), c.inst.Machine().Snapshot()
	f := viewOf(e)
	if int64(f.count) < c.count.Load() {
		c.fail("count %d is sent after %d was confirmed", f.count, c.count.Load())
	}
	if f.moves < m.Number || f.moves > m.Number+1 {
		c.fail("transition %d is sent after %d was made", f.moves, m.Number)
	}
	if f.moves == m.Number && f.state != m.State {
		c.fail("%s is sent while the machine is in %s", f.state, m.State)
	}
	if seen := e.Payload.Seen; seen.Heartbeat.Before(s.Heartbeat) || seen.LastErrorAt.Before(s.LastErrorAt) || seen.Connected.Before(s.Connected) {
		c.fail("%+v is sent after %+v was confirmed", seen, s)
	}
	if f.moves > 0 && e.History[len(e.History)-1].To != e.State || e.Payload.Seen.State != f.state {
		c.fail("%s in the payload, %s beside the history %+v", e.Payload.Seen.State, f.state, e.History)
	}
}

// randomFault delays each request at random, or applies a random fault to it.
func randomFault(kinds ...string) teststore.Fault {
	return func(ctx context.Context, call func(context.Context) error) error {
		time.Sleep(rand.N(50 * time.Millisecond))
		if f := faults[kinds[rand.N(len(kinds))]]; f != nil {
			return f(ctx, call)
		}
		err := call(ctx)
		time.Sleep(rand.N(50 * time.Millisecond))
		return err
	}
}

func (c *callers) update(t *testing.T) {
	var count int
	if c.inst.Update(t.Context(), func(p *payload) { p.Count++; count = p.Count }) == nil {
		c.done.Add(1)
		for was := c.count.Load(); int64(count) > was && !c.count.CompareAndSwap(was, int64(count)); {
			was = c.count.Load()
		}
	}
}

func (c *callers) move(t *testing.T) {
	next := c.inst.Machine().Next()
	if c.inst.Transition(t.Context(), next[rand.N(len(next))]) == nil {
		c.moved.Add(1)
	}
}

// run makes each call n times, all concurrently.
func (c *callers) run(t *testing.T, n int) {
	var wg sync.WaitGroup
	for _, call := range []func(*testing.T){
		c.update, c.update, c.move, c.move,
		func(t *testing.T) { _ = c.inst.RecordError(t.Context(), errBoom) },
		func(*testing.T) { _, _ = c.inst.Status(), c.inst.State() },
	} {
		wg.Go(func() {
			for range n {
				call(t)
				time.Sleep(rand.N(100 * time.Millisecond))
			}
		})
	}
	wg.Wait()
}

func TestValuesAreNeverMadeFromOlderContents(t *testing.T) {
	full.Only(t)
	for name, f := range map[string]teststore.Fault{
		"slow":     randomFault("none"),
		"troubled": randomFault("none", "none", "none", "refuse", "drop", "drop reply", "late"),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				st := teststore.New()
				k := newKeeper(t, st, func(c *lease.Config) { c.TTL, c.Heartbeat = time.Minute, 200*time.Millisecond })
				c := &callers{inst: register(t, k)}
				st.Inspect(c.inspect)
				st.Inject(f, teststore.Update, teststore.Renew)
				c.run(t, 150)
				c.wantAllPublished(t, st)
			})
		})
	}
}

// wantAllPublished removes the faults and checks that the record has every successful call.
func (c *callers) wantAllPublished(t *testing.T, st *teststore.Store) {
	t.Helper()
	st.Inject(nil, teststore.Update, teststore.Renew)
	time.Sleep(2 * heartbeat)
	synctest.Wait()
	if err := errors.Join(c.wrong...); err != nil {
		t.Error(err)
	}
	e, m := published(t, st), c.inst.Machine().Snapshot()
	if c.done.Load() == 0 || c.moved.Load() == 0 {
		t.Errorf("%d updates and %d transitions succeeded: the test proves nothing", c.done.Load(), c.moved.Load())
	}
	if int64(e.Payload.Count) != c.done.Load() || int64(m.Number) != c.moved.Load() {
		t.Errorf("%d updates and %d transitions are published, %d and %d succeeded", e.Payload.Count, m.Number, c.done.Load(), c.moved.Load())
	}
	wantAgreement(t, st, c.inst)
}

func TestHeartbeatIsPublishedDuringContinuousUpdates(t *testing.T) {
	full.Only(t)
	synctest.Test(t, func(t *testing.T) {
		st := teststore.New()
		inst := register(t, newKeeper(t, st))
		st.Inject(teststore.Delay(10*time.Millisecond, 10*time.Millisecond), teststore.Update) // 150 follow each other in a heartbeat
		var wg sync.WaitGroup
		for range 3 {
			wg.Go(func() {
				for inst.Lease().Err() == nil {
					_ = inst.Update(t.Context(), func(p *payload) { p.Count++ })
				}
			})
		}
		for range 50 {
			time.Sleep(heartbeat)
			if e := published(t, st); time.Since(e.Payload.Seen.Heartbeat) > heartbeat+time.Second {
				t.Fatalf("the last published heartbeat is %v old", time.Since(e.Payload.Seen.Heartbeat))
			}
		}
		_ = inst.Deregister(t.Context())
		wg.Wait()
	})
}

func TestWatchYieldsNoOlderValue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := teststore.New()
		k := newKeeper(t, st, func(c *lease.Config) { c.TTL, c.Heartbeat = time.Minute, 200*time.Millisecond })
		c := &callers{inst: register(t, k)}
		st.Inject(randomFault("none"), teststore.Update, teststore.Renew)
		ctx, stop := context.WithCancel(t.Context())
		followed := make(chan int, 1)
		go func() { followed <- c.follow(ctx, st) }()
		c.run(t, 100)
		stop()
		if n := <-followed; n < 100 {
			t.Errorf("watch yielded %d values, want at least 100", n)
		}
		c.wantAllPublished(t, st)
	})
}

// follow watches until ctx ends and returns the number of values.
func (c *callers) follow(ctx context.Context, st store.Store) (values int) {
	var last record
	for e, err := range registry.Watch[payload](ctx, st, key) {
		if err != nil {
			return values
		}
		if e.Kind != store.EventPut {
			continue
		}
		was, is := viewOf(last), viewOf(e.Record)
		if is.count < was.count || is.moves < was.moves || e.Record.Payload.Seen.Heartbeat.Before(last.Payload.Seen.Heartbeat) {
			c.fail("watch yielded %+v after %+v", e.Record, last)
		}
		last = e.Record
		values++
	}
	return values
}
