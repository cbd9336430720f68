package conformance_test

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/leasehold-go/leasehold/e2e/internal/answered"
	"github.com/leasehold-go/leasehold/fsm"
	"github.com/leasehold-go/leasehold/lease"
	"github.com/leasehold-go/leasehold/registry"
	"github.com/leasehold-go/leasehold/store"
)

type State string

const (
	Idle     State = "idle"
	Starting State = "starting"
	Active   State = "active"
	Stopping State = "stopping"
	Stopped  State = "stopped"
)

var lifecycle = fsm.MustDefine(Idle, fsm.Table[State]{
	Idle:     {Starting},
	Starting: {Active, Stopping, Idle},
	Active:   {Stopping},
	Stopping: {Stopped},
	Stopped:  {Idle},
})

// payload publishes all that its instance knows of itself.
type payload struct {
	Count int                    `json:"count"`
	Seen  registry.Status[State] `json:"seen"`
}

type (
	config   = registry.Config[State, payload]
	instance = registry.Instance[State, payload]
)

// What package registry promises on any store, in real time. Its own tests hold it
// to the same in virtual time, and to the rest.
func TestRegistry(t *testing.T) {
	rules{
		"ARecordSaysWhatItsInstanceDoes":     recordFollows,
		"AConflictNamesTheHolder":            conflictNames,
		"ARefusedTransitionLeavesTheRecord":  refusedLeaves,
		"UpdatesArePublishedInOrder":         updatesInOrder,
		"AHeartbeatIsPublished":              heartbeatPublished,
		"AListIsOfItsPrefix":                 listOfPrefix,
		"AWatchTellsTheLifeOfAnInstance":     watchTellsLife,
		"AWatchTellsADeath":                  inTime(fleeting, watchTellsDeath),
		"RunLeavesInOrder":                   runLeaves,
		"RunReturnsALoss":                    runReturnsLoss,
		"AnInstanceTakesItsOwnKeyBackByName": reclaimByName,
		"AnInstanceWaitsForTheKey":           instanceWaits,
		"RequestsAreCarriedOutAndLogged":     requestsLogged,
		"AnswersAndLogsOutliveTheInstance":   outlived,
		"AnIDIsCarriedOutOnce":               askedOnce,
		"ADefinitionIsPublished":             definitionPublished,
	}.hold(t)
}

func (s *scene) config(changes ...func(*config)) config {
	cfg := config{
		Key:       s.key,
		Fill:      func(p *payload, status registry.Status[State]) { p.Seen = status },
		Connected: []State{Active},
		LeavePath: []State{Stopping, Stopped},
		Host:      "host-a",
		PublicIP:  func(context.Context) (netip.Addr, error) { return netip.Addr{}, errors.New("none") },
	}
	for _, change := range changes {
		change(&cfg)
	}
	return cfg
}

// tryRegister returns an instance on a keeper, or the store's answer.
func (s *scene) tryRegister(k *lease.Keeper, changes ...func(*config)) (*instance, error) {
	return answered.Acquire(s.Context(), func() (*instance, error) {
		return registry.Register(s.Context(), k, lifecycle, s.config(changes...))
	})
}

// run is registry.Run with an answer of the store to its create.
func (s *scene) run(k *lease.Keeper, work func(context.Context, *instance) error) error {
	_, err := answered.Acquire(s.Context(), func() (struct{}, error) {
		return struct{}{}, registry.Run(s.Context(), k, lifecycle, s.config(), work)
	})
	return err
}

// register returns an instance on a keeper, which has to succeed.
func (s *scene) register(k *lease.Keeper, changes ...func(*config)) *instance {
	s.Helper()
	inst, err := s.tryRegister(k, changes...)
	if err != nil {
		s.Fatal(err)
	}
	return inst
}

func (s *scene) climb(inst *instance, path ...State) {
	s.Helper()
	for _, to := range path {
		if err := inst.Transition(s.Context(), to); err != nil {
			s.Fatal(err)
		}
	}
}

// published is what a reader gets.
func (s *scene) published(st store.Store) registry.Record[payload] {
	s.Helper()
	e, err := registry.Get[payload](s.Context(), st, s.key)
	if err != nil {
		s.Fatal(err)
	}
	return e
}

func (s *scene) wantGone(st store.Store) {
	s.Helper()
	if e, err := registry.Get[payload](context.Background(), st, s.key); !errors.Is(err, store.ErrNotFound) {
		s.Errorf("there is %+v, %v", e, err)
	}
}

func recordFollows(s *scene) {
	inst, reader := s.register(s.keep(long)), s.Open()
	for _, to := range []State{Idle, Starting, Active, Stopping, Stopped} {
		if to != Idle {
			s.climb(inst, to)
		}
		status, e := inst.Status(), s.published(reader)
		if e.State != string(to) || status.State != to || !e.Changed.Equal(status.Changed) || e.Token != status.Token {
			s.Errorf("published %+v, the status is %+v", e, status)
		}
		if seen := e.Payload.Seen; seen.State != to || !seen.Connected.Equal(status.Connected) || len(seen.History) != len(status.History) {
			s.Errorf("the payload is of %+v, the status is %+v", seen, status)
		}
	}
	if err := inst.Deregister(s.Context()); err != nil {
		s.Error(err)
	}
	s.wantGone(reader)
}

func conflictNames(s *scene) {
	holder := s.register(s.keep(long)).Status()
	_, err := s.tryRegister(s.keep(long))
	conflict, ok := errors.AsType[*registry.ConflictError](err)
	if !ok || !errors.Is(err, store.ErrHeld) {
		s.Fatalf("got %v", err)
	}
	if conflict.Instance != holder.Instance || conflict.Token != holder.Token || conflict.Left <= 0 || conflict.Left > long {
		s.Errorf("it names %+v, held by %+v", conflict, holder)
	}
	want := fmt.Sprintf("%q is held by %s on host-a since %s, ", s.key, holder.Instance, holder.Registered.UTC().Format(time.RFC3339))
	if !strings.HasPrefix(err.Error(), want) {
		s.Errorf("it says  %v\nnot like %s", err, want)
	}
}

func refusedLeaves(s *scene) {
	inst, reader := s.register(s.keep(long)), s.Open()
	s.climb(inst, Starting)
	before, err := reader.Get(s.Context(), s.key)
	if err != nil {
		s.Fatal(err)
	}
	for _, to := range []State{Starting, Stopped, "nowhere"} {
		if err := inst.Transition(s.Context(), to); !errors.Is(err, fsm.ErrInvalidTransition) {
			s.Errorf("to %s: %v", to, err)
		}
	}
	if after, err := reader.Get(s.Context(), s.key); err != nil || withoutBeat(after) != withoutBeat(before) {
		s.Errorf("the record was\n%s\nand is\n%s (%v)", before.Value, after.Value, err)
	}
}

// withoutBeat is a value before the times that a heartbeat changes.
func withoutBeat(r store.Record) string {
	before, _, _ := strings.Cut(string(r.Value), `"Heartbeat"`)
	return before
}

func updatesInOrder(s *scene) {
	inst, reader := s.register(s.keep(long)), s.Open()
	done := make(chan error, 1)
	const last = 50
	go func() {
		var errs []error
		for range last {
			errs = append(errs, inst.Update(s.Context(), func(p *payload) { p.Count++ }))
		}
		done <- errors.Join(errs...)
	}()
	for seen := 0; ; {
		count := s.published(reader).Payload.Count
		if count < seen {
			s.Errorf("%d after %d", count, seen)
		}
		seen = count
		select {
		case err := <-done:
			if count := s.published(reader).Payload.Count; err != nil || count != last {
				s.Errorf("%d at the end, %v", count, err)
			}
			return
		default:
		}
	}
}

// heartbeatPublished has a ttl of which a sixteenth is not much longer than a heartbeat: for
// so long a store may take one renewal for the next too.
func heartbeatPublished(s *scene) {
	inst, reader := s.register(s.keep(4*brief)), s.Open()
	first := s.published(reader).Heartbeat
	s.eventually("a later heartbeat is published", func() bool {
		if err := inst.Lease().Err(); err != nil {
			s.Fatal(err)
		}
		e := s.published(reader)
		return e.Heartbeat.After(first) && e.Payload.Seen.Heartbeat.After(first)
	})
	if e := s.published(reader); e.State != "idle" || e.Token != inst.Lease().Token() {
		s.Errorf("it changed %+v", e)
	}
}

func listOfPrefix(s *scene) {
	k := s.keep(long)
	for _, suffix := range []string{"/a", "/b", "*", "/"} {
		s.register(k, func(c *config) { c.Key = s.key + suffix })
	}
	listed := make(map[string]string)
	for e, err := range registry.List[payload](s.Context(), s.Open(), s.key+"/") {
		if err != nil {
			s.Fatal(err)
		}
		listed[strings.TrimPrefix(e.Key, s.key)] = e.State
	}
	if fmt.Sprint(listed) != "map[/:idle /a:idle /b:idle]" {
		s.Errorf("listed %v", listed)
	}
}

// watched follows the scene's key from a point at which nothing is there.
func (s *scene) watched(k *lease.Keeper, key string) <-chan registry.Event[payload] {
	s.Helper()
	events := make(chan registry.Event[payload], 1000)
	ctx, cancel := context.WithCancel(s.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for e, err := range registry.Watch[payload](ctx, k.Store(), key) {
			if err != nil {
				return
			}
			events <- e
		}
	}()
	s.Cleanup(func() { cancel(); <-ended })
	return events
}

// next passes over what a watch tells until it tells what is looked for.
func (s *scene) next(what string, events <-chan registry.Event[payload], is func(registry.Event[payload]) bool) registry.Event[payload] {
	s.Helper()
	e, told := look(events, patience, is)
	if !told {
		s.Fatalf("a watch never tells %s", what)
	}
	return e
}

// look is next for no longer than it may take.
func look(events <-chan registry.Event[payload], within time.Duration, is func(registry.Event[payload]) bool) (e registry.Event[payload], told bool) {
	late := time.After(within)
	for {
		select {
		case e := <-events:
			if is(e) {
				return e, true
			}
		case <-late:
			return e, false
		}
	}
}

func inState(state State) func(registry.Event[payload]) bool {
	return func(e registry.Event[payload]) bool {
		return e.Kind == store.EventPut && e.Record.State == string(state)
	}
}

func ofKind(kind store.EventKind) func(registry.Event[payload]) bool {
	return func(e registry.Event[payload]) bool { return e.Kind == kind }
}

func watchTellsLife(s *scene) {
	events := s.watched(s.keep(long), s.key)
	s.next("that it is in step", events, ofKind(store.EventSynced))
	inst := s.register(s.keep(long))
	for _, to := range []State{Idle, Starting, Active} {
		if to != Idle {
			s.climb(inst, to)
		}
		if e := s.next(string(to), events, inState(to)); e.Record.Token != inst.Lease().Token() {
			s.Errorf("%s with token %d, not %d", to, e.Record.Token, inst.Lease().Token())
		}
	}
	if err := inst.Deregister(s.Context()); err != nil {
		s.Fatal(err)
	}
	if e := s.next("the end", events, ofKind(store.EventGone)); e.Record.Key != s.key || e.Cause == store.CauseExpired {
		s.Errorf("the end is %+v", e)
	}
}

func watchTellsDeath(s *scene, ttl time.Duration) (slow error) {
	events := s.watched(s.keep(long), s.key)
	s.next("that it is in step", events, ofKind(store.EventSynced))
	dead := s.die(ttl)
	if _, told := look(events, time.Until(dead.Until), ofKind(store.EventPut)); !told {
		return errors.New("the record was gone before the watch told of it")
	}
	e := s.next("the end", events, ofKind(store.EventGone))
	if e.Record.Key != s.key || e.Cause == store.CauseDeleted || time.Now().Before(dead.Until) {
		s.Errorf("the end is %+v, %v before its time", e, time.Until(dead.Until))
	}
	return nil
}

func runLeaves(s *scene) {
	k, reader := s.keep(long), s.Open()
	var inst *instance
	err := s.run(k, func(ctx context.Context, i *instance) error {
		inst = i
		s.climb(i, Starting, Active)
		if e := s.published(reader); e.State != "active" {
			s.Errorf("published %+v", e)
		}
		return nil
	})
	if err != nil {
		s.Fatal(err)
	}
	if inst.State() != Stopped || len(inst.Machine().History()) != 4 {
		s.Errorf("it ends in %s after %v", inst.State(), inst.Machine().History())
	}
	s.wantGone(reader)
}

func runReturnsLoss(s *scene) {
	k, other := s.keep(long), s.Open()
	var inst *instance
	err := s.run(k, func(ctx context.Context, i *instance) error {
		inst = i
		s.climb(i, Starting, Active)
		// The loss ends ctx, maybe before the delete has its answer.
		if err := other.Delete(s.Context(), s.key, store.ByToken(i.Lease().Token())); err != nil {
			s.Error(err)
		}
		<-ctx.Done()
		return ctx.Err()
	})
	if _, ok := errors.AsType[*lease.LostError](err); !ok {
		s.Fatal(err)
	}
	if inst.State() != Stopped {
		s.Errorf("it ends in %s", inst.State())
	}
	s.wantGone(other)
}

func reclaimByName(s *scene) {
	named := func(name string) func(*config) {
		return func(c *config) { c.Instance, c.Reclaim = name, registry.ReclaimName }
	}
	first := s.register(s.keep(long), named("connector"))
	if _, err := s.tryRegister(s.keep(long), named("another")); !errors.Is(err, store.ErrHeld) {
		s.Errorf("another name: %v", err)
	}
	second := s.register(s.keep(long), named("connector"))
	s.later(second.Lease(), first.Lease())
	if err := first.Transition(s.Context(), Starting); !errors.Is(err, store.ErrLost) || first.State() != Idle {
		s.Errorf("the first goes on with %v, in %s", err, first.State())
	}
	if e := s.published(s.Open()); e.Token != second.Lease().Token() || e.State != "idle" {
		s.Errorf("published %+v", e)
	}
}

func instanceWaits(s *scene) {
	first := s.register(s.keep(long))
	st := told{s.Open(), new(sync.Once), make(chan struct{})}
	k := s.keepOn(st, long)
	registered := make(chan *instance, 1)
	go func() {
		second, err := s.tryRegister(k, func(c *config) { c.Wait = true })
		if err != nil {
			s.Error(err)
		}
		registered <- second
		st.tell()
	}()
	<-st.synced
	asked := time.Now()
	if err := first.Deregister(s.Context()); err != nil {
		s.Error(err)
	}
	if second := <-registered; second != nil {
		s.later(second.Lease(), first.Lease())
		if since := second.Status().Registered; since.Before(asked) {
			s.Errorf("registered %v before the key was free", asked.Sub(since))
		}
	}
}

// Two instances of a version publish one definition, and an instance of another version its own. They
// are there after the last instance.
func definitionPublished(s *scene) {
	newer, err := lifecycle.With(fsm.Guard(Active, "feed is fresh", func(context.Context, fsm.Transition[State]) error { return nil }))
	if err != nil {
		s.Fatal(err)
	}
	k, reader := s.keep(long), s.Open()
	first := s.register(k)
	s.climb(first, Starting)
	r := s.published(reader)
	other, err := answered.Acquire(s.Context(), func() (*instance, error) {
		return registry.Register(s.Context(), k, newer, s.config(func(c *config) { c.Key += " newer" }))
	})
	if err != nil {
		s.Fatal(err)
	}
	r2, err := registry.Get[payload](s.Context(), reader, s.key+" newer")
	if err != nil {
		s.Fatal(err)
	}
	if r.Definition == r2.Definition || lifecycle.Fingerprint() != newer.Fingerprint() {
		s.Errorf("two versions have the definitions %q and %q", r.Definition, r2.Definition)
	}
	want := func(what string, r registry.Record[payload], def *fsm.Definition[State]) {
		s.Helper()
		var d fsm.Description
		s.eventually("the definition of "+what, func() bool {
			var err error
			d, err = registry.ReadDefinition(s.Context(), reader, r)
			if err != nil && !errors.Is(err, registry.ErrNoDefinition) && !errors.Is(err, store.ErrUnavailable) {
				s.Fatal(err)
			}
			return err == nil
		})
		if diff := cmp.Diff(def.Describe(), d); diff != "" {
			s.Errorf("%s (-want +got):\n%s", what, diff)
		}
	}
	want("an instance", r, lifecycle)
	want("an instance of another version", r2, newer)
	for _, i := range []*instance{first, other} {
		if err := i.Deregister(s.Context()); err != nil {
			s.Error(err)
		}
	}
	want("an instance that has left", r, lifecycle)
	for r, err := range registry.List[payload](s.Context(), reader, s.key) {
		s.Errorf("a list after the last instance has %+v, %v", r, err)
	}
}
