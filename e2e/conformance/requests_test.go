package conformance_test

import (
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/leasehold-go/leasehold/registry"
	"github.com/leasehold-go/leasehold/store"
)

// Another process asks an instance to move, is refused an invalid step, and reads all of it back
// after the instance has left. Twenty senders do so at once.
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
