package connector

import (
	"testing"

	"github.com/leasehold-go/leasehold/examples/internal/program"
)

// From a second terminal an operator stops the connector, starts it again, is refused an invalid
// step, and reads all of it back after the connector has ended.
func TestOperatorInAnotherProcess(t *testing.T) {
	p := newRedisPair(t)
	nobody := p.connector("-request", "stopping")
	nobody.wantExit(exitRefused)
	s := p.connector(cold...)
	first := s.expect("registered")
	s.expect("transition", "to", "warming")
	ask := func(state, outcome string, exit int) {
		t.Helper()
		o := p.connector("-request", state, "-admin-name", "ops")
		o.expect("reply", "requested", state, "outcome", outcome)
		o.wantExit(exit)
	}
	ask("stopping", "done", program.ExitOK)
	ask("active", "rejected", exitRefused)
	ask("paused", "rejected", exitRefused)
	ask("stopped", "done", program.ExitOK)
	ask("idle", "done", program.ExitOK)
	ask("starting", "done", program.ExitOK)
	s.expect("transition", "from", "starting", "to", "warming")
	s.stop()
	s.expect("deregistered")
	s.wantExit(program.ExitOK)

	l := p.connector("-log")
	l.expect("log", "kind", "registered", "token", first.text("token"))
	l.next("log", "kind", "transition", "to", "starting")
	l.next("log", "kind", "transition", "to", "warming")
	l.next("log", "kind", "transition", "to", "stopping", "cause", "request of ops")
	l.next("log", "kind", "request", "sender", "ops", "outcome", "done")
	l.next("log", "kind", "request", "requested", `state "active"`, "outcome", "rejected")
	l.next("log", "kind", "request", "requested", `state "paused"`, "outcome", "rejected")
	l.expect("log", "kind", "transition", "from", "idle", "to", "starting", "cause", "request of ops")
	l.expect("log", "kind", "left")
	l.wantExit(program.ExitOK)
}
