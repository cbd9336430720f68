package leasehold_test

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/leasehold-go/leasehold/fsm"
	"github.com/leasehold-go/leasehold/internal/teststore"
	"github.com/leasehold-go/leasehold/lease"
	"github.com/leasehold-go/leasehold/registry"
	"github.com/leasehold-go/leasehold/store"
)

// told collects what users see: a situation, and the error that they get.
type told struct {
	*testing.T
	strings.Builder
}

func (t *told) part(name string) { fmt.Fprintf(t, "\n# %s\n\n", name) }

// is notes an error. It matches the given ones, which the text does not show.
func (t *told) is(situation string, err error, matches ...error) {
	t.Helper()
	if err == nil {
		t.Errorf("%s: no error", situation)
		return
	}
	for _, want := range matches {
		if !errors.Is(err, want) {
			t.Errorf("%s: %v is not %v", situation, err, want)
		}
	}
	fmt.Fprintf(t, "%s\n    %s\n", situation, strings.ReplaceAll(err.Error(), "\n", "\n    "))
}

// panics notes a panic.
func (t *told) panics(situation string, call func()) {
	t.Helper()
	defer func() {
		value := recover()
		if value == nil {
			t.Errorf("%s: no panic", situation)
		}
		fmt.Fprintf(t, "%s\n    panic: %v\n", situation, value)
	}()
	call()
}

// Every error is read in the place where a user meets it. After a change read the file aloud:
// go test . -run Errors -update
func TestErrorsReadWell(t *testing.T) {
	tell := &told{T: t}
	synctest.Test(t, func(t *testing.T) {
		tell.T = t
		tellOfArguments(tell)
		tellOfLeases(tell)
		tellOfLosses(tell)
		tellOfMachines(tell)
		tellOfInstances(tell)
	})
	const path = "testdata/errors.txt"
	if *update {
		if err := os.WriteFile(path, []byte(tell.String()), 0o666); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), tell.String()); d != "" {
		t.Errorf("errors read otherwise. If that is meant: go test . -run Errors -update\n(-%s +now)\n%s", path, d)
	}
}

func keeperOf(t *told, st store.Store) *lease.Keeper {
	k, err := lease.NewKeeper(st, lease.Config{TTL: 45 * time.Second, Heartbeat: 15 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = k.Close(context.Background()) })
	return k
}

func leaseOf(t *told, st store.Store) lease.Lease {
	held, err := keeperOf(t, st).Acquire(t.Context(), "job", []byte("v"))
	if err != nil {
		t.Fatal(err)
	}
	return held
}

func canceled(t *told) context.Context {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	return ctx
}

func shutDown(t *told) context.Context {
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("shutting down"))
	return ctx
}

func tellOfArguments(t *told) {
	st := teststore.New()
	k := keeperOf(t, st)
	t.part("Arguments")
	_, err := lease.NewKeeper(nil, lease.Config{})
	t.is("a keeper without a store", err, store.ErrInvalid)
	_, err = lease.NewKeeper(st, lease.Config{TTL: time.Millisecond})
	t.is("a keeper with a short TTL", err, store.ErrInvalid)
	_, err = lease.NewKeeper(st, lease.Config{TTL: 10 * time.Second, Heartbeat: 20 * time.Second})
	t.is("a keeper with a heartbeat beyond its TTL", err, store.ErrInvalid)
	_, err = k.Acquire(t.Context(), "", []byte("v"))
	t.is("an empty key", err, store.ErrInvalid)
	_, err = k.Acquire(t.Context(), "leasehold:x", []byte("v"))
	t.is("a reserved key", err, store.ErrInvalid)
	_, err = k.Acquire(t.Context(), "job", nil)
	t.is("a lease without a value", err, store.ErrInvalid)
	_, err = k.Acquire(t.Context(), "job", make([]byte, store.MaxValue+1), lease.WithWait())
	t.is("a wait with a value that is too large", err, store.ErrInvalid)
	held := leaseOf(t, teststore.New())
	t.is("an update with a value that is too large", held.Update(t.Context(), make([]byte, store.MaxValue+1)), store.ErrInvalid)
	t.is("a write without a function", held.Write(t.Context(), nil, nil), store.ErrInvalid)
	_, err = st.Create(t.Context(), store.Claim{Key: "job", Value: []byte("v"), TTL: time.Second})
	t.is("a create without a nonce", err, store.ErrInvalid)
	t.is("an update without a token", st.Update(t.Context(), store.Update{Key: "job", Value: []byte("v")}), store.ErrInvalid)
	t.is("a delete without a lease", st.Delete(t.Context(), "job", store.LeaseRef{}), store.ErrInvalid)
}

func tellOfLeases(t *told) {
	st := teststore.New()
	held := leaseOf(t, st)
	k := keeperOf(t, st)
	t.part("Leases")
	_, err := k.Acquire(t.Context(), "job", []byte("v"))
	t.is("another holds the key", err, store.ErrHeld)
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	_, err = k.Acquire(ctx, "job", []byte("v"), lease.WithWait())
	t.is("a wait beyond its deadline", err, context.DeadlineExceeded)
	_, err = k.Acquire(canceled(t), "free", []byte("v"))
	t.is("an acquire with a context that was cancelled", err, context.Canceled, store.ErrUnavailable)
	_, err = k.Acquire(shutDown(t), "free", []byte("v"))
	t.is("and with a cause", err, context.Canceled, store.ErrUnavailable)
	st.Inject(teststore.Refuse, teststore.Create, teststore.Update)
	_, err = k.Acquire(t.Context(), "free", []byte("v"))
	t.is("a store that is away", err, store.ErrUnavailable)
	t.is("an update while it is away", held.Update(t.Context(), []byte("w")), store.ErrUnavailable)
	st.Inject(teststore.Refuse, teststore.Renew) // which would settle it
	st.Inject(teststore.Drop, teststore.Update)
	t.is("an update without an answer", held.Update(t.Context(), []byte("w")), store.ErrInDoubt)
	st.Inject(teststore.Refuse, teststore.Update)
	t.is("the next one, while that cannot be settled", held.Update(t.Context(), []byte("x")), store.ErrUnavailable)
	st.Inject(nil, teststore.Create, teststore.Update, teststore.Renew)
	t.is("an update with a context that was cancelled", held.Update(canceled(t), []byte("w")), context.Canceled, store.ErrUnavailable)
	derived, stop := held.Context(t.Context())
	defer stop()
	if err := held.Release(t.Context()); err != nil {
		t.Error(err)
	}
	t.is("an update after the release", held.Update(t.Context(), []byte("w")), lease.ErrReleased)
	t.is("the end of the lease", held.Err(), lease.ErrReleased)
	t.is("the cause of its contexts", context.Cause(derived), lease.ErrReleased)
	if err := k.Close(t.Context()); err != nil {
		t.Error(err)
	}
	_, err = k.Acquire(t.Context(), "job", []byte("v"))
	t.is("an acquire after Close", err, lease.ErrClosed)
	unreleased := teststore.New()
	k = keeperOf(t, unreleased)
	if _, err := k.Acquire(t.Context(), "job", []byte("v")); err != nil {
		t.Error(err)
	}
	unreleased.Inject(teststore.Refuse, teststore.Delete)
	t.is("Close of a keeper while the store is away", k.Close(canceled(t)), store.ErrUnavailable)
}

func tellOfLosses(t *told) {
	t.part("Losses")
	for _, c := range []struct {
		situation string
		reports   bool
		happens   func(st *teststore.Store, held lease.Lease)
	}{
		{"an operator deleted the record through leasehold", true, func(st *teststore.Store, held lease.Lease) {
			st.Store.Delete(t.Context(), "job", store.ByToken(held.Token()))
		}},
		{"an operator deleted the record, and the store does not report deletes", false, func(st *teststore.Store, held lease.Lease) { st.Evict("job") }},
		{"another has the key", false, func(st *teststore.Store, held lease.Lease) {
			st.Evict("job")
			st.Store.Create(t.Context(), store.Claim{Key: "job", Value: []byte("w"), TTL: time.Hour, Nonce: store.NewNonce()})
		}},
		{"the store is away", false, func(st *teststore.Store, held lease.Lease) { st.Inject(teststore.Refuse, teststore.Renew) }},
		{"the store does not answer", false, func(st *teststore.Store, held lease.Lease) { st.Inject(teststore.Silence, teststore.Renew) }},
	} {
		st := teststore.New()
		under := store.Store(st)
		if c.reports {
			under = st.Store // it reports deletes
		}
		held := leaseOf(t, under)
		synctest.Wait() // until the keeper hears of deletes
		c.happens(st, held)
		<-held.Done()
		t.is(c.situation, held.Err(), store.ErrLost)
	}
}

func tellOfMachines(t *told) {
	ctx := t.Context()
	start, refuse, unknown := fsm.NewEvent[fsm.NoArg]("start"), fsm.NewEvent[fsm.NoArg]("refuse"), fsm.NewEvent[fsm.NoArg]("unknown")
	veto := func(context.Context, fsm.Transition[State]) error { return errors.New("not drained") }
	def := fsm.MustDefine(Idle, fsm.Table[State]{
		Idle:     {Starting},
		Starting: {Active, Stopping, Idle},
		Active:   {Stopping},
		Stopping: {Stopped},
		Stopped:  {},
	}, fsm.On(start, fsm.From(Idle), Starting), fsm.On(refuse, fsm.From(Active), Stopping), fsm.Guard(Stopping, "drained", veto),
		fsm.OnEntry(Active, func(context.Context, fsm.Transition[State]) error { return errors.New("no feed") }))
	t.part("Machines")
	m := fsm.New(def)
	t.is("a transition that is not in the table", m.Transition(ctx, Active), fsm.ErrInvalidTransition)
	t.is("to an unknown state", m.Transition(ctx, "nowhere"), fsm.ErrInvalidTransition)
	t.is("with a context that was cancelled", m.Transition(shutDown(t), Starting), context.Canceled)
	t.is("an event that the state does not handle", fsm.Fire(ctx, m, refuse, fsm.NoArg{}), fsm.ErrUnhandled)
	t.is("an event of another definition", fsm.Fire(ctx, m, unknown, fsm.NoArg{}), fsm.ErrUnknownEvent)
	t.is("an event that was not made", fsm.Fire(ctx, m, fsm.Event[fsm.NoArg]{}, fsm.NoArg{}), fsm.ErrUnknownEvent)
	t.is("a signal that was not made", m.Fire(ctx, fsm.Signal{}), fsm.ErrUnknownEvent)
	if err := m.Transition(ctx, Starting); err != nil {
		t.Error(err)
	}
	t.is("a hook that fails after the commit", m.Transition(ctx, Active))
	t.is("a guard", m.Transition(ctx, Stopping), fsm.ErrVetoed)
	t.is("a guard, by an event", fsm.Fire(ctx, m, refuse, fsm.NoArg{}), fsm.ErrVetoed)
	_, err := m.Wait(ctx, "nowhere")
	t.is("a wait for an unknown state", err, fsm.ErrUnknownState)
	_, err = m.Wait(canceled(t), Stopped)
	t.is("a wait with a context that was cancelled", err, context.Canceled)
	_, err = fsm.Define(Idle, fsm.Table[State]{Idle: {Starting}, Active: {Idle}})
	t.is("a table with faults", err)
	_, err = fsm.Define(Idle, fsm.Table[State]{Idle: {Starting}, Starting: {}}, fsm.Guard[State]("nowhere", "", nil), fsm.OnEntry[State](Idle, nil), fsm.On(fsm.Event[fsm.NoArg]{}, fsm.From(Idle), Starting))
	t.is("rules with faults", err)
	t.panics("a machine without a definition", func() { fsm.New[State](nil) })
	t.panics("an option that breaks a rule", func() { fsm.New(def, fsm.WithHistory(-1)) })
	t.is("a second start", m.Start(ctx), fsm.ErrStarted)
	t.is("a transition before Start", fsm.New(def, fsm.WithManualStart()).Transition(ctx, Starting), fsm.ErrNotStarted)
	_, err = fsm.DecodeSnapshot[State]([]byte("{}"))
	t.is("an object that is no snapshot", err)
	_, err = fsm.Restore(def, fsm.Snapshot[State]{State: "nowhere", Since: time.Now()})
	t.is("a snapshot with an unknown state", err)
	_, err = fsm.Migrate(def, fsm.Snapshot[string]{State: "waiting", Since: time.Now()}, fsm.Migration[string, State]{States: map[string]State{"gone": "nowhere"}})
	t.is("a migration with faults", err)
	if err := m.Close(ctx); err != nil {
		t.Error(err)
	}
	t.is("a transition after Close", m.Transition(ctx, Stopping), fsm.ErrClosed)
}

func tellOfInstances(t *told) {
	time.Sleep(time.Until(time.Date(2000, 1, 1, 10, 0, 0, 0, time.UTC)))
	ctx := t.Context()
	st := teststore.New()
	k := keeperOf(t, st)
	cfg := registry.Config[State, Record]{
		Key: "exchange:1:status", Payload: Record{Exchange: "coinbase"}, Host: "host-a", Instance: "connector",
		LeavePath: []State{Stopping, Stopped}, PublicIP: func(context.Context) (ip netip.Addr, err error) { return ip, errors.New("none") },
	}
	t.part("Instances")
	_, err := registry.Register(ctx, nil, lifecycle, cfg)
	t.is("no keeper", err, store.ErrInvalid)
	_, err = registry.Register[State](ctx, k, nil, cfg)
	t.is("no definition", err, store.ErrInvalid)
	t.is("no serve function", registry.Run(ctx, k, lifecycle, cfg, nil), store.ErrInvalid)
	inst, err := registry.Register(ctx, k, lifecycle, cfg)
	if err != nil {
		t.Fatal(err)
	}
	_, err = registry.Register(ctx, k, lifecycle, cfg)
	t.is("another instance", err, store.ErrHeld)
	waits := cfg
	waits.Wait = true
	ended, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	_, err = registry.Register(ended, k, lifecycle, waits)
	t.is("a wait beyond its deadline", err, context.DeadlineExceeded)
	if err := inst.Transition(ctx, Starting); err != nil {
		t.Error(err)
	}
	bad := cfg
	bad.LeavePath = []State{"nowhere"}
	_, err = registry.Register(ctx, k, lifecycle, bad)
	t.is("a leave path with an unknown state", err, store.ErrInvalid)
	t.is("an update without a function", inst.Update(ctx, nil), store.ErrInvalid)
	t.is("a transition that is not in the table", inst.Transition(ctx, Stopped), fsm.ErrInvalidTransition)
	st.Inject(teststore.Refuse, teststore.Update, teststore.Delete)
	t.is("a transition while the store is away", inst.Transition(ctx, Active), store.ErrUnavailable)
	st.Inject(teststore.Drop, teststore.Update)
	t.is("a transition without an answer", inst.Transition(ctx, Active), store.ErrInDoubt)
	t.is("a leave while the store is away", inst.Leave(ctx), store.ErrUnavailable)
	st.Inject(nil, teststore.Update, teststore.Delete)
	t.is("a transition after that", inst.Transition(ctx, Stopping), fsm.ErrClosed)
	if _, err := st.Create(ctx, store.Claim{Key: "plain", Value: []byte("text"), TTL: time.Minute, Nonce: store.NewNonce()}); err != nil {
		t.Error(err)
	}
	r, err := registry.Get[Record](ctx, st, "plain")
	t.is("a record without a registry's part", errors.Join(err, r.Err))
	_, err = registry.Get[Record](ctx, st, "nothing")
	t.is("no record", err, store.ErrNotFound)
}
