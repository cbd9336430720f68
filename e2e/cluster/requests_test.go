package cluster_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/leasehold-go/leasehold/e2e/internal/answered"
	"github.com/leasehold-go/leasehold/fsm"
	"github.com/leasehold-go/leasehold/internal/full"
	"github.com/leasehold-go/leasehold/lease"
	"github.com/leasehold-go/leasehold/registry"
	"github.com/leasehold-go/leasehold/store"
)

type none struct{}

// Requests that are asked while leaders go and come are carried out once each, and the log has
// each of their transitions.
func TestRequestsAreCarriedOutUnderAnotherLeader(t *testing.T) {
	full.Only(t)
	each(t, removals, func(t *testing.T, r removal) {
		s := setScene(t)
		st := s.open(pinging)
		def, err := fsm.Define("off", fsm.Table[string]{"off": {"on"}, "on": {"off"}})
		if err != nil {
			t.Fatal(err)
		}
		cfg := registry.Config[string, none]{Key: "job", Log: new(registry.Log), Requests: &registry.Requests[string]{States: []string{"on", "off"}}}
		k := s.keep(s.open(pinging), lease.Config{TTL: long, Heartbeat: time.Second})
		inst, err := answered.Acquire(t.Context(), func() (*registry.Instance[string, none], error) {
			return registry.Register(t.Context(), k, def, cfg)
		})
		if err != nil {
			t.Fatal(err)
		}
		done := uint64(0)
		ask := func(n int) {
			to := "on"
			if inst.State() == "on" {
				to = "off"
			}
			var reply registry.Reply
			s.eventually(fmt.Sprintf("request %d is answered", n), func() bool {
				var err error
				reply, err = registry.Request(t.Context(), st, "job", registry.ForState(to), registry.WithRequestID(fmt.Sprint(n)))
				refused := new(registry.RequestError)
				return err == nil || errors.As(err, &refused) && reply.Outcome != registry.OutcomeDoneWithErrors
			})
			if reply.Outcome == registry.OutcomeDone {
				done++
			}
			if moved := inst.Machine().Snapshot().Number; moved != done {
				t.Fatalf("%d transitions after %d requests done; the last is %+v", moved, done, reply)
			}
		}
		for n := range 5 {
			ask(n)
		}
		for round := range 2 {
			old := s.Leader()
			r.remove(old)
			for n := range 5 {
				ask(10*(round+1) + n)
			}
			r.restore(old)
			for n := range 5 {
				ask(10*(round+1) + 5 + n)
			}
		}
		if done == 0 {
			t.Error("no request was done")
		}
		// A write that was undone can have left its entry, with the number of the next.
		s.eventually("the log has the last transition", func() bool {
			last := uint64(0)
			for e, err := range registry.ReadLog(t.Context(), st, "job", store.LogQuery{}) {
				switch {
				case err != nil:
					return false
				case e.Kind != registry.LogTransition:
				case e.Transition.Number == last, e.Transition.Number == last+1:
					last = e.Transition.Number
				case inst.LogDropped() == 0:
					t.Fatalf("transition %d follows %d", e.Transition.Number, last)
				}
			}
			return last == done || inst.LogDropped() > 0
		})
	})
}
