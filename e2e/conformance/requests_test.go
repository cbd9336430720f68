package conformance_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/leasehold-go/leasehold/e2e/internal/answered"
	"github.com/leasehold-go/leasehold/fsm"
	"github.com/leasehold-go/leasehold/lease"
	"github.com/leasehold-go/leasehold/registry"
	"github.com/leasehold-go/leasehold/store"
)

// outlived has a request repeated once its instance is gone, and a log with a loss read in pages.
func outlived(s *scene) {
	st := s.Open()
	logs := func(c *config) { c.Log = new(registry.Log) }
	takes := func(c *config) { c.Requests = &registry.Requests[State]{States: []State{Starting}} }
	inst := s.register(s.keep(long), logs, takes)
	again := func(when string) {
		if _, err := registry.Request(s.Context(), st, s.key, registry.ForState("starting"), registry.WithRequestID("once")); err != nil {
			s.Errorf("%s: %v", when, err)
		}
	}
	again("first")
	for e, err := range registry.FollowLog(s.Context(), st, s.key, store.LogPosition{}) {
		if err != nil {
			s.Fatal(err)
		}
		if e.Kind == registry.LogRequest { // the answer comes first
			break
		}
	}
	if err := st.Delete(s.Context(), s.key, store.ByToken(inst.Lease().Token())); err != nil {
		s.Fatal(err)
	}
	<-inst.Lease().Done()
	again("nobody there")
	next := s.register(s.keep(long), logs)
	again("an instance there that takes no requests")
	if _, err := registry.Request(s.Context(), st, s.key, registry.ForState("starting")); !errors.Is(err, registry.ErrNoRequests) {
		s.Error(err)
	}
	if err := next.Leave(s.Context()); err != nil {
		s.Fatal(err)
	}

	want := []registry.LogKind{"registered", "transition", "request", "lost", "registered", "left"}
	for _, backward := range []bool{false, true} {
		var kinds []registry.LogKind
		query := store.LogQuery{Backward: backward, Limit: 1}
		for more := true; more; {
			more = false
			for e, err := range registry.ReadLog(s.Context(), st, s.key, query) {
				if err != nil {
					s.Fatal(err)
				}
				kinds, more = append(kinds, e.Kind), true
				if query.After = e.LogPosition; backward {
					query.After, query.Before = store.LogPosition{}, e.LogPosition
				}
			}
		}
		if backward {
			slices.Reverse(kinds)
		}
		if !slices.Equal(kinds, want) {
			s.Errorf("backward %v: %q, want %q", backward, kinds, want)
		}
	}
}

// askedOnce has twenty senders ask with one id, again and again until an instance holds the key, while
// it passes from one instance to the next: before, during or after the transition.
func askedOnce(s *scene) {
	stores := []store.Store{s.Open(), s.Open()}
	keepers := []*lease.Keeper{s.keep(long), s.keep(long)}
	for _, after := range []time.Duration{0, 10 * time.Millisecond, 20 * time.Millisecond} {
		var ran atomic.Int64
		slow := func(context.Context, fsm.Transition[State]) error { time.Sleep(10 * time.Millisecond); return nil }
		def, err := lifecycle.With(fsm.Guard(Starting, "slow", slow), fsm.OnEntry(Starting, func(ctx context.Context, t fsm.Transition[State]) error {
			ran.Add(1)
			return slow(ctx, t)
		}))
		if err != nil {
			s.Fatal(err)
		}
		register := func(k *lease.Keeper) *instance {
			inst, err := answered.Acquire(s.Context(), func() (*instance, error) {
				return registry.Register(s.Context(), k, def, s.config(func(c *config) {
					c.Requests = &registry.Requests[State]{States: []State{Starting}}
				}))
			})
			if err != nil {
				s.Fatal(err)
			}
			return inst
		}
		inst := register(keepers[0])
		var senders sync.WaitGroup
		outcomes := make(chan registry.Outcome, 20)
		for i := range cap(outcomes) {
			senders.Go(func() {
				time.Sleep(time.Duration(i) * time.Millisecond)
				for {
					reply, err := registry.Request(s.Context(), stores[i%2], s.key, registry.ForState("starting"),
						registry.WithRequestID(fmt.Sprint("once, ", after)), registry.WithRequestTimeout(2*time.Second))
					switch {
					case strings.Contains(reply.Error, "had not ended"): // by this sender's deadline: a slow machine
						return
					case reply.Outcome != "":
						outcomes <- reply.Outcome
						return
					}
					if !errors.Is(err, store.ErrNotFound) && !errors.Is(err, store.ErrUnavailable) && !errors.Is(err, store.ErrInDoubt) {
						s.Error(err)
						return
					}
					time.Sleep(10 * time.Millisecond)
				}
			})
		}
		time.Sleep(after)
		if err := stores[0].Delete(s.Context(), s.key, store.ByToken(inst.Lease().Token())); err != nil {
			s.Fatal(err)
		}
		<-inst.Lease().Done()
		next := register(keepers[1])
		senders.Wait()
		close(outcomes)
		told := make(map[registry.Outcome]int)
		for o := range outcomes {
			told[o]++
		}
		delete(told, registry.OutcomeExpired) // a slow machine; the next with that id is another request
		if len(told) > 1 || ran.Load() > 1 || len(told) > 0 && ran.Load() == 0 {
			s.Errorf("a takeover after %v: senders were told %v, and the hook ran %d times", after, told, ran.Load())
		}
		if err := next.Deregister(s.Context()); err != nil {
			s.Error(err)
		}
	}
}

// requestsLogged has another process ask an instance to move. It is refused an invalid step, and reads
// all of it back after the instance has left. Twenty senders do so at once.
func requestsLogged(s *scene) {
	takes := func(c *config) {
		c.Log = new(registry.Log)
		c.Requests = &registry.Requests[State]{States: []State{Idle, Starting, Active, Stopping}}
	}
	st := s.Open()
	if _, err := registry.Request(s.Context(), st, s.key, registry.ForState("starting")); !errors.Is(err, store.ErrNotFound) {
		s.Errorf("a request to nobody: %v", err)
	}
	inst := s.register(s.keep(long), takes)
	ask := func(to State) registry.Outcome {
		reply, err := registry.Request(s.Context(), st, s.key, registry.ForState(string(to)), registry.WithSender("ops"))
		if refused := new(registry.RequestError); err != nil && !errors.As(err, &refused) {
			s.Errorf("request for %s: %v", to, err)
		}
		return reply.Outcome
	}
	got := []registry.Outcome{ask(Active), ask(Starting), ask(Active), ask(Idle)}
	if want := []registry.Outcome{"rejected", "done", "done", "rejected"}; !slices.Equal(got, want) || inst.State() != Active {
		s.Errorf("outcomes %q, want %q; in %s", got, want, inst.State())
	}
	if err := inst.Leave(s.Context()); err != nil {
		s.Fatal(err)
	}
	var log []string
	for e, err := range registry.ReadLog(s.Context(), st, s.key, store.LogQuery{}) {
		switch {
		case err != nil:
			s.Fatal(err)
		case e.Kind == registry.LogTransition:
			log = append(log, e.Transition.To)
		case e.Kind == registry.LogRequest:
			log = append(log, string(e.Request.Outcome))
		default:
			log = append(log, string(e.Kind))
		}
	}
	if want := []string{"registered", "rejected", "starting", "done", "active", "done", "rejected", "stopping", "stopped", "left"}; !slices.Equal(log, want) || inst.LogDropped() > 0 {
		s.Errorf("log %q, want %q; %d entries dropped", log, want, inst.LogDropped())
	}

	second := s.register(s.keep(long), takes)
	before := second.Machine().Snapshot().Number
	var senders sync.WaitGroup
	outcomes := make(chan registry.Outcome, 40)
	for i := range 20 {
		senders.Go(func() {
			for n := range 2 {
				outcomes <- ask([]State{Starting, Idle}[(i+n)%2])
			}
		})
	}
	senders.Wait()
	close(outcomes)
	counts := make(map[registry.Outcome]int)
	for o := range outcomes {
		counts[o]++
	}
	moved := int(second.Machine().Snapshot().Number - before)
	if counts["done"] != moved || counts["done"]+counts["rejected"] != 40 {
		s.Errorf("%v, and %d transitions", fmt.Sprint(counts), moved)
	}
}
