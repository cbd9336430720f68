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
