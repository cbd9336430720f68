package registry_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/leasehold-go/leasehold/fsm"
	"github.com/leasehold-go/leasehold/internal/teststore"
	"github.com/leasehold-go/leasehold/lease"
	"github.com/leasehold-go/leasehold/registry"
	"github.com/leasehold-go/leasehold/store"
	memstore "github.com/leasehold-go/leasehold/store/memory"
)

type order struct {
	Size int `json:"size"`
}

var (
	boot   = fsm.NewSignal("boot")
	resize = fsm.NewEvent[order]("resize")
	secret = fsm.NewSignal("secret")
)

// served registers an instance of the lifecycle with rules, which takes requests for every state
// but Warming and for the events boot and resize.
func served(t testing.TB, st store.Store, rules []fsm.Rule[State], changes ...func(*config)) *instance {
	t.Helper()
	return servedBy(t, newKeeper(t, st), rules, changes...)
}

func servedBy(t testing.TB, k *lease.Keeper, rules []fsm.Rule[State], changes ...func(*config)) *instance {
	t.Helper()
	rules = append(rules,
		fsm.On(boot, fsm.From(Idle), Starting),
		fsm.On(secret, fsm.From(Idle), Starting),
		fsm.Internal(resize, fsm.From(Idle)))
	def, err := lifecycle.With(rules...)
	if err != nil {
		t.Fatal(err)
	}
	changes = append([]func(*config){func(c *config) {
		c.Requests = &registry.Requests[State]{
			States: []State{Idle, Starting, Active, Stopping, Stopped},
			Events: []registry.RequestableEvent[State]{registry.Requestable[State](boot), registry.Requestable[State](resize)},
		}
	}}, changes...)
	inst, err := registry.Register(t.Context(), k, def, configure(changes...))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = inst.Deregister(context.Background()) })
	return inst
}

func ask(st store.Store, what registry.Requested, opts ...registry.RequestOption) (registry.Reply, error) {
	return registry.Request(context.Background(), st, key, what, opts...)
}

func TestRequestMovesTheInstanceAndIsAnswered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := teststore.New()
		inst := served(t, st, nil)
		reply, err := ask(st, registry.ForState("starting"), registry.WithSender("ops"))
		if err != nil || reply.Outcome != registry.OutcomeDone || reply.State != "starting" || reply.ID == "" || !reply.At.Equal(time.Now()) {
			t.Errorf("%+v, %v", reply, err)
		}
		if _, err := ask(st, registry.ForState("idle"), registry.WithRequestCause("maintenance")); err != nil {
			t.Error(err)
		}
		if _, err := ask(st, registry.ForEvent("boot", nil), registry.WithRequestToken(inst.Lease().Token())); err != nil {
			t.Error(err)
		}
		if _, err := ask(st, registry.ForState("idle")); err != nil {
			t.Error(err)
		}
		if reply, err := ask(st, registry.ForEvent("resize", order{3})); err != nil || reply.State != "idle" {
			t.Errorf("%+v, %v", reply, err)
		}
		var causes []string
		for _, h := range published(t, st).History {
			causes = append(causes, h.Cause)
		}
		if want := []string{"request of ops", "maintenance", "request", "request"}; !slices.Equal(causes, want) {
			t.Errorf("causes %q, want %q", causes, want)
		}
		wantAgreement(t, st, inst)
	})
}

// What a sender sees of a request that is not done.
func TestRequestThatIsNotDoneSaysWhy(t *testing.T) {
	refuse := func(context.Context, fsm.Transition[State]) error { return errors.New("the market is closed") }
	fail := func(context.Context, fsm.Transition[State]) error { return errors.New("no route to the exchange") }
	tests := []struct {
		name  string
		rules []fsm.Rule[State]
		cfg   func(*config)
		fault teststore.Fault // of updates
		from  []State
		what  registry.Requested
		want  string
	}{
		{name: "no edge", what: registry.ForState("active"),
			want: `rejected: idle -> active is not in the table; from idle: starting; permitted: starting`},
		{name: "not listed", from: []State{Starting}, what: registry.ForState("warming"),
			want: `rejected: state "warming" may not be asked for; permitted: stopping, idle`},
		{name: "unknown state", what: registry.ForState("Starting"),
			want: `rejected: state "Starting" is unknown, or may not be asked for; permitted: starting`},
		{name: "event not listed", what: registry.ForEvent("secret", nil),
			want: `rejected: event "secret" is unknown, or may not be asked for; permitted: boot, resize`},
		{name: "event not handled", from: []State{Starting}, what: registry.ForEvent("boot", nil),
			want: `rejected: event "boot" in starting: not handled; no event is possible`},
		{name: "guard", rules: []fsm.Rule[State]{fsm.Guard(Starting, "hours", refuse)}, what: registry.ForState("starting"),
			want: `rejected: idle -> starting: guard "hours": the market is closed; permitted: starting`},
		{name: "allow", cfg: func(c *config) {
			c.Requests.Allow = func(_ context.Context, r registry.AskedFor) error { return fmt.Errorf("not for %q", r.Sender) }
		}, what: registry.ForState("starting"),
			want: `rejected: not for "ops"; permitted: starting`},
		{name: "argument missing", what: registry.ForEvent("resize", nil),
			want: `rejected: argument of event "resize": it is missing, and must be JSON for registry_test.order; permitted: boot, resize`},
		{name: "argument is a nil pointer", what: registry.ForEvent("resize", (*order)(nil)),
			want: `rejected: argument of event "resize": it is missing, and must be JSON for registry_test.order; permitted: boot, resize`},
		{name: "argument of another shape", what: registry.ForEvent("resize", "big"),
			want: `rejected: argument of event "resize": json: cannot unmarshal string into Go value of type registry_test.order; permitted: boot, resize`},
		{name: "argument with an unknown field", what: registry.ForEvent("resize", map[string]int{"sise": 3}),
			want: `rejected: argument of event "resize": json: unknown field "sise"; permitted: boot, resize`},
		{name: "argument of a signal", what: registry.ForEvent("boot", 3),
			want: `rejected: argument of event "boot": it has none, and got 3; permitted: boot, resize`},
		{name: "hook", rules: []fsm.Rule[State]{fsm.OnEntry(Starting, fail)}, what: registry.ForState("starting"),
			want: `done with errors: idle -> starting moved, but entry hook: no route to the exchange`},
		{name: "panic before the commit", rules: []fsm.Rule[State]{fsm.Before(func(context.Context, fsm.Transition[State]) error { panic("boom") })}, what: registry.ForState("starting"),
			want: `failed: a guard or a hook panicked: boom`},
		{name: "panic after the commit", rules: []fsm.Rule[State]{fsm.OnEntry(Starting, func(context.Context, fsm.Transition[State]) error { panic("boom") })}, what: registry.ForState("starting"),
			want: `done with errors: a guard or a hook panicked: boom`},
		{name: "goexit", rules: []fsm.Rule[State]{fsm.OnEntry(Starting, func(context.Context, fsm.Transition[State]) error { runtime.Goexit(); return nil })}, what: registry.ForState("starting"),
			want: `done with errors: a guard or a hook ended its goroutine`},
		{name: "store refuses", fault: teststore.Refuse, what: registry.ForState("starting"),
			want: `failed: idle -> starting: write: update "exchange:1:status": store unavailable`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				st := teststore.New()
				cfg := test.cfg
				if cfg == nil {
					cfg = func(*config) {}
				}
				inst := served(t, st, test.rules, cfg)
				move(t, inst, test.from...)
				before := inst.State()
				st.Inject(test.fault, teststore.Update)
				reply, err := ask(st, test.what, registry.WithSender("ops"))
				st.Inject(nil, teststore.Update)
				failed := new(registry.RequestError)
				if !errors.As(err, &failed) {
					t.Fatal(err)
				}
				want := fmt.Sprintf("request for %v of %q: %s", test.what, key, test.want)
				if err.Error() != want {
					t.Errorf("got  %s\nwant %s", err, want)
				}
				if moved := inst.State() != before; moved != (reply.Outcome == registry.OutcomeDoneWithErrors) {
					t.Errorf("%s, and the instance went from %s to %s", reply.Outcome, before, inst.State())
				}
				if reply.State != string(inst.State()) {
					t.Errorf("the reply says %s, the instance is in %s", reply.State, inst.State())
				}
				// The next request is served.
				if next, err := ask(st, registry.ForEvent("resize", order{1})); next.Outcome == "" {
					t.Error(err)
				}
				wantAgreement(t, st, inst)
			})
		})
	}
}

func TestRequestIsRefusedAtOnceWhereNobodyTakesIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := teststore.New()
		begun := time.Now()
		_, nobody := ask(st, registry.ForState("starting"))
		inst := register(t, newKeeper(t, st))
		_, deaf := ask(st, registry.ForState("starting"))
		if err := inst.Deregister(t.Context()); err != nil {
			t.Fatal(err)
		}
		inst = served(t, st, nil)
		_, other := ask(st, registry.ForState("starting"), registry.WithRequestToken(inst.Lease().Token()-1))
		_, neither := ask(st, registry.Requested{})
		_, bytes := ask(st, registry.ForState("starting\xff"))
		_, late := ask(st, registry.ForState("starting"), registry.WithRequestTimeout(time.Millisecond))
		_, long := ask(st, registry.ForState(strings.Repeat("x", store.MaxRequest)))
		_, odd := ask(st, registry.ForEvent("resize", func() {}))
		for name, c := range map[string]struct{ got, want error }{
			"nobody": {nobody, store.ErrNotFound}, "deaf": {deaf, registry.ErrNoRequests}, "another token": {other, store.ErrLost},
			"neither": {neither, store.ErrInvalid}, "bytes": {bytes, store.ErrInvalid}, "late": {late, store.ErrInvalid}, "long": {long, store.ErrInvalid}, "odd": {odd, store.ErrInvalid},
		} {
			if !errors.Is(c.got, c.want) {
				t.Errorf("%s: %v, want %v", name, c.got, c.want)
			}
		}
		if d := time.Since(begun); d > 0 {
			t.Errorf("it took %v", d)
		}
	})
}

// A request is carried out once, however often it is asked for and whatever is lost.
func TestRequestIsCarriedOutOnce(t *testing.T) {
	for name, fault := range map[string]struct {
		verb teststore.Verb
		is   teststore.Fault
		want registry.Outcome
		ran  int
	}{
		"nothing lost":               {want: registry.OutcomeDone, ran: 1},
		"reply to the write":         {teststore.Update, once(teststore.DropReply), registry.OutcomeFailed, 0},
		"write":                      {teststore.Update, once(teststore.Drop), registry.OutcomeFailed, 0},
		"reply to the answer":        {teststore.Answer, once(teststore.DropReply), registry.OutcomeDone, 1},
		"answer":                     {teststore.Answer, once(teststore.Drop), registry.OutcomeDone, 1},
		"answer, refused at first":   {teststore.Answer, once(teststore.Refuse), registry.OutcomeDone, 1},
		"answer, delivered too late": {teststore.Answer, once(teststore.DeliverLate(time.Second)), registry.OutcomeDone, 1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				st := teststore.New()
				ran := 0
				inst := served(t, st, []fsm.Rule[State]{fsm.OnEntry(Starting, func(context.Context, fsm.Transition[State]) error { ran++; return nil })})
				st.Inject(fault.is, fault.verb)
				var replies [3]registry.Reply
				for i := range replies {
					replies[i], _ = ask(st, registry.ForState("starting"), registry.WithRequestID("once"))
				}
				if replies[0].Outcome != fault.want || replies[1].Outcome != fault.want || ran != fault.ran {
					t.Errorf("%+v; the hook ran %d times, want %d", replies, ran, fault.ran)
				}
				if fault.ran == 0 && (inst.State() != Idle || published(t, st).State != string(Idle)) {
					t.Errorf("in %s, published %s", inst.State(), published(t, st).State)
				}
				// Also with the instance gone, until the answer is forgotten.
				if err := inst.Deregister(t.Context()); err != nil {
					t.Fatal(err)
				}
				next := served(t, st, nil)
				if again, _ := ask(st, registry.ForState("starting"), registry.WithRequestID("once")); again.Outcome != fault.want || next.State() != Idle {
					t.Errorf("another instance: %+v, in %s", again, next.State())
				}
				time.Sleep(registry.DefaultRequestTimeout + registry.AnswerKept + time.Second)
				if again, err := ask(st, registry.ForState("starting"), registry.WithRequestID("once")); err != nil || next.State() != Starting {
					t.Errorf("after the answer was forgotten: %+v, %v", again, err)
				}
			})
		})
	}
}

// once applies a fault to one request.
func once(f teststore.Fault) teststore.Fault {
	var first sync.Once
	return func(ctx context.Context, send func(context.Context) error) (err error) {
		run := send
		first.Do(func() { run = func(ctx context.Context) error { return f(ctx, send) } })
		return run(ctx)
	}
}

// A request whose deadline has passed is not carried out: neither one that waited behind another,
// nor one whose own guard took too long.
func TestExpiredRequestIsNotCarriedOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := teststore.New()
		slow := func(context.Context, fsm.Transition[State]) error { time.Sleep(20 * time.Second); return nil }
		inst := served(t, st, []fsm.Rule[State]{fsm.Guard(Starting, "slow", slow)})
		var calls sync.WaitGroup
		var first, second registry.Reply
		calls.Go(func() {
			first, _ = ask(st, registry.ForState("starting"), registry.WithRequestTimeout(10*time.Second))
		})
		synctest.Wait()
		calls.Go(func() {
			second, _ = ask(st, registry.ForEvent("resize", order{1}), registry.WithRequestTimeout(10*time.Second))
		})
		calls.Wait()
		time.Sleep(time.Minute)
		if first.Outcome != registry.OutcomeExpired || second.Outcome != registry.OutcomeExpired || inst.State() != Idle {
			t.Errorf("%+v, %+v, in %s", first, second, inst.State())
		}
		if _, err := ask(st, registry.ForEvent("boot", nil)); err != nil { // 20 s of 30 s
			t.Error(err)
		}
		wantAgreement(t, st, inst)
	})
}

// A holder that dies between the commit and the answer leaves the answer of the transition.
func TestAnswerSurvivesTheInstance(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := teststore.New()
		end := make(chan struct{})
		inst := served(t, st, []fsm.Rule[State]{fsm.OnEntry(Starting, stuckHook(end))})
		asking := make(chan registry.Reply, 1)
		go func() {
			reply, _ := ask(st, registry.ForState("starting"), registry.WithRequestID("x"))
			asking <- reply
		}()
		synctest.Wait()
		st.Evict(key)
		<-inst.Lease().Done()
		next := served(t, st, nil)
		reply := <-asking
		if reply.Outcome != registry.OutcomeDoneWithErrors || reply.State != "starting" || !strings.Contains(reply.Error, "hooks had not ended") {
			t.Errorf("%+v", reply)
		}
		if next.State() != Idle {
			t.Errorf("the next instance is in %s", next.State())
		}
		close(end)
	})
}

// A request that its instance did not begin is left for the next one, unless it was meant for
// that lease.
func TestNextInstanceTakesTheRequestsThatAreLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := teststore.New()
		end := make(chan struct{})
		inst := served(t, st, []fsm.Rule[State]{fsm.Guard(Starting, "stuck", stuckHook(end))})
		type answer struct {
			reply registry.Reply
			err   error
		}
		send := func(what registry.Requested, opts ...registry.RequestOption) chan answer {
			c := make(chan answer, 1)
			go func() {
				reply, err := ask(st, what, opts...)
				c <- answer{reply, err}
			}()
			synctest.Wait()
			return c
		}
		begun := send(registry.ForState("starting"))
		left := send(registry.ForEvent("boot", nil))
		meant := send(registry.ForState("idle"), registry.WithRequestToken(inst.Lease().Token()))
		st.Evict(key)
		<-inst.Lease().Done()
		next := served(t, st, nil)
		if a := <-begun; a.err != nil { // its guard had not passed: nothing was written
			t.Errorf("%+v", a)
		}
		if a := <-left; a.reply.Outcome != registry.OutcomeRejected { // it is in Starting already
			t.Errorf("%+v", a)
		}
		if a := <-meant; a.reply.Outcome != registry.OutcomeExpired {
			t.Errorf("%+v", a)
		}
		if next.State() != Starting {
			t.Errorf("in %s", next.State())
		}
		close(end)
	})
}

// A hook of a request may end the service; the sender gets the answer all the same.
func TestRequestMayEndTheService(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := teststore.New()
		ctx, stop := context.WithCancel(t.Context())
		def, err := lifecycle.With(fsm.OnEntry(Starting, func(context.Context, fsm.Transition[State]) error { stop(); time.Sleep(time.Second / 2); return nil }))
		if err != nil {
			t.Fatal(err)
		}
		cfg := configure(func(c *config) { c.Requests = &registry.Requests[State]{States: []State{Starting}} })
		ended := make(chan error, 1)
		go func() {
			ended <- registry.Run(ctx, newKeeper(t, st), def, cfg, func(ctx context.Context, _ *instance) error { <-ctx.Done(); return nil })
		}()
		synctest.Wait()
		reply, err := ask(st, registry.ForState("starting"))
		if err != nil || reply.Outcome != registry.OutcomeDone {
			t.Errorf("%+v, %v", reply, err)
		}
		if err := <-ended; err != nil {
			t.Error(err)
		}
		wantGone(t, st)
	})
}

// A hook that deregisters its own instance does not wait for its own request.
func TestHookOfARequestMayDeregister(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := teststore.New()
		var inst *instance
		inst = served(t, st, []fsm.Rule[State]{fsm.OnEntry(Starting, func(ctx context.Context, _ fsm.Transition[State]) error { return inst.Deregister(ctx) })})
		begun := time.Now()
		reply, _ := ask(st, registry.ForState("starting"))
		if reply.Outcome != registry.OutcomeDoneWithErrors { // no final answer can be stored without the lease
			t.Errorf("%+v", reply)
		}
		if d := inst.Lease().Err(); d == nil || time.Since(begun) < registry.DefaultRequestTimeout {
			t.Errorf("lease %v after %v", d, time.Since(begun))
		}
	})
}

func TestManySendersAtOnce(t *testing.T) {
	st := memstore.New()
	inst := served(t, st, []fsm.Rule[State]{fsm.Timeout(Stopped, time.Hour, Idle)})
	var senders sync.WaitGroup
	var mu sync.Mutex
	outcomes := make(map[registry.Outcome]int)
	for i := range 20 {
		senders.Go(func() {
			for range 5 {
				to := "starting"
				if i%2 == 0 {
					to = "idle"
				}
				reply, err := ask(st, registry.ForState(to))
				mu.Lock()
				outcomes[reply.Outcome]++
				mu.Unlock()
				if _, refused := errors.AsType[*registry.RequestError](err); err != nil && !refused {
					t.Error(err)
				}
			}
		})
	}
	senders.Wait()
	if n := uint64(outcomes[registry.OutcomeDone]); n == 0 || n != inst.Machine().Snapshot().Number || n+uint64(outcomes[registry.OutcomeRejected]) != 100 {
		t.Errorf("%v, and %d transitions", outcomes, inst.Machine().Snapshot().Number)
	}
	wantAgreement(t, st, inst)
}

func TestRequestsThatDoNotFitTheDefinitionAreRefused(t *testing.T) {
	k := newKeeper(t, memstore.New())
	for name, r := range map[string]registry.Requests[State]{
		"state": {States: []State{"nowhere"}},
		"event": {Events: []registry.RequestableEvent[State]{{}}},
		"bytes": {Events: []registry.RequestableEvent[State]{registry.Requestable[State](fsm.NewSignal("\xff"))}},
		"twice": {Events: []registry.RequestableEvent[State]{registry.Requestable[State](boot), registry.Requestable[State](boot)}},
	} {
		_, err := registry.Register(t.Context(), k, lifecycle, configure(func(c *config) { c.Requests = &r }))
		if !errors.Is(err, store.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	odd := fsm.MustDefine(Idle, fsm.Table[State]{Idle: {"", "\xff"}, "": {Idle}, "\xff": {Idle}}) // no request can name two of them
	for _, s := range []State{"", "\xff"} {
		cfg := configure(func(c *config) {
			c.Connected, c.LeavePath, c.Requests = nil, nil, &registry.Requests[State]{States: []State{s}}
		})
		if _, err := registry.Register(t.Context(), k, odd, cfg); !errors.Is(err, store.ErrInvalid) {
			t.Errorf("state %q: %v", s, err)
		}
	}
	bare := struct{ store.Store }{memstore.New()}
	if _, err := ask(bare, registry.ForState("idle")); !errors.Is(err, store.ErrInvalid) {
		t.Error(err)
	}
	_, err := registry.Register(t.Context(), newKeeper(t, bare), lifecycle, configure(func(c *config) { c.Requests = new(registry.Requests[State]) }))
	if !errors.Is(err, store.ErrInvalid) {
		t.Errorf("a store that passes no requests: %v", err)
	}
}

// Garbage in the queue, as another program may put there, is answered.
func TestUnreadableRequestIsRejected(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := teststore.New()
		served(t, st, nil)
		for i, body := range []string{"garbage", `{"state":"starting"} {"state":"idle"}`, "{}", `{"state":"idle","event":"boot"}`, "null", `{"state":7}`} {
			a, err := st.Ask(t.Context(), store.Request{Key: key, ID: fmt.Sprint(i), Body: []byte(body), TTL: time.Minute})
			var reply registry.Reply
			if err := cmpOr(err, json.Unmarshal(a.Body, &reply)); err != nil || reply.Outcome != registry.OutcomeRejected {
				t.Errorf("%s: %s, %v", body, a.Body, err)
			}
		}
	})
}

func cmpOr(a, b error) error {
	if a != nil {
		return a
	}
	return b
}

// Allow may move its instance, which is no part of the request, and may end it.
func TestAllowMayCallItsInstance(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := teststore.New()
		var inst *instance
		ended := make(chan error, 1)
		inst = served(t, st, nil, func(c *config) {
			c.Requests.Allow = func(ctx context.Context, r registry.AskedFor) error {
				if r.State == string(Idle) {
					ended <- inst.Deregister(ctx)
					return errBoom
				}
				return inst.Transition(ctx, Starting)
			}
		})
		if reply, _ := ask(st, registry.ForState("active")); reply.Outcome != registry.OutcomeRejected || inst.State() != Starting {
			t.Errorf("%+v, in %s", reply, inst.State())
		}
		begun := time.Now()
		go func() { _, _ = ask(st, registry.ForState("idle")) }()
		if err := <-ended; err != nil || time.Since(begun) > 0 {
			t.Errorf("%v after %v", err, time.Since(begun))
		}
		time.Sleep(time.Minute)
	})
}
