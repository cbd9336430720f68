package process_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/leasehold-go/leasehold/e2e/backends"
	"github.com/leasehold-go/leasehold/internal/full"
	"github.com/leasehold-go/leasehold/registry"
	"github.com/leasehold-go/leasehold/store"
)

// asked is a place where programs take requests, and a store to ask them by.
type asked struct {
	server
	st store.Store
}

// onEachAsked runs a test on each backend, also on those of several servers.
func onEachAsked(t *testing.T, test func(asked)) {
	t.Helper()
	backends.Apart(t, slices.Values([]string{"redis", "redis-sentinel", "redis-cluster", "etcd"}), func(t *testing.T, _ string, p *backends.Place) {
		test(asked{server{Place: p}, p.Open()})
	})
}

// takes starts a program that takes requests, and waits until it has the key unless it has to
// wait itself.
func (a asked) takes(args ...string) *child {
	a.Helper()
	c := a.holds(append([]string{"-requests"}, args...)...)
	if !slices.Contains(args, "-wait") {
		c.held()
	}
	return c
}

// answer is what a sender gets.
type answer struct {
	registry.Reply
	err error
}

// ask sends a request to be busy, and passes the answer on. The cause is the id.
func (a asked) ask(id string, limit time.Duration) chan answer {
	got := make(chan answer, 1)
	go func() {
		reply, err := registry.Request(a.Context(), a.st, "job", registry.ForState("busy"), registry.WithRequestID(id),
			registry.WithRequestCause(id), registry.WithRequestTimeout(limit))
		got <- answer{reply, err}
	}()
	return got
}

// wants checks the outcome of an answer.
func (a asked) wants(got chan answer, want registry.Outcome) {
	a.Helper()
	if answer := <-got; answer.Outcome != want {
		a.Errorf("%+v, want %s", answer, want)
	}
}

// logged returns the log, the outcomes of requests in place of their kind.
func (a asked) logged() (texts []string) {
	a.Helper()
	for e, err := range registry.ReadLog(a.Context(), a.st, "job", store.LogQuery{}) {
		if err != nil {
			a.Fatal(err)
		}
		switch e.Kind {
		case registry.LogRequest:
			texts = append(texts, e.Request.ID+" "+string(e.Request.Outcome))
		case registry.LogTransition:
			texts = append(texts, e.Transition.To)
		default:
			texts = append(texts, string(e.Kind))
		}
	}
	return texts
}

func (a asked) wantLog(want ...string) {
	a.Helper()
	var got []string
	defer func() {
		if a.Failed() {
			a.Logf("the log is %q", got)
		}
	}()
	eventually(a, "the log is "+strings.Join(want, ", "), func() bool { got = a.logged(); return slices.Equal(got, want) })
}

// A holder that is killed before the write leaves the request to its successor; one that is
// killed after it leaves the answer.
func TestRequestToAHolderThatIsKilled(t *testing.T) {
	full.Only(t)
	onEachAsked(t, func(a asked) {
		const ttl = "5s"
		first := a.takes("-ttl", ttl, "-guard", "1h")
		before := a.ask("before the write", 40*time.Second)
		first.expect("guard before the write")
		a.wantLog("registered") // which a process does not wait for
		first.kill()
		second := a.takes("-ttl", ttl, "-wait", "-hook", "1h")
		second.expect("hook before the write")
		a.wantLog("registered", "lost", "registered", "busy")
		second.kill()
		third := a.takes("-ttl", "30s", "-wait")
		third.held()
		// The answer is not final, so the sender of the first call may wait for its deadline; one
		// that asks again is bound to the same request.
		a.wants(before, registry.OutcomeDoneWithErrors)
		a.wants(a.ask("before the write", 3*time.Second), registry.OutcomeDoneWithErrors)
		a.wants(a.ask("another", time.Minute), registry.OutcomeDone)
		third.expect("hook another")
		third.signal(syscall.SIGTERM)
		third.exits(exitOK)
		a.wantLog("registered", "lost", "registered", "busy", "lost", "registered", "busy", "another done", "left")
	})
}

// A holder that is paused takes no request whose deadline passes meanwhile: neither one that waits
// nor one whose guard is under way.
func TestRequestToAHolderThatIsPausedBeyondItsDeadline(t *testing.T) {
	full.Only(t)
	onEachAsked(t, func(a asked) {
		c := a.takes("-ttl", "1h", "-guard", "3s")
		begun := a.ask("begun", 6*time.Second)
		c.expect("guard begun")
		c.pause()
		waits := a.ask("waits", 6*time.Second)
		a.wants(begun, registry.OutcomeExpired)
		a.wants(waits, registry.OutcomeExpired)
		c.signal(syscall.SIGCONT)
		a.wants(a.ask("later", time.Minute), registry.OutcomeDone) // so it is idle still
		c.expect("guard later")
		c.signal(syscall.SIGTERM)
		c.exits(exitOK)
		a.wantLog("registered", "begun expired", "busy", "later done", "left")
	})
}

// A holder whose key was taken while its guard was under way writes nothing: the request is its
// successor's.
func TestRequestToAHolderThatIsSucceeded(t *testing.T) {
	full.Only(t)
	onEachAsked(t, func(a asked) {
		first := a.takes("-ttl", "5s", "-guard", "3s")
		got := a.ask("once", time.Minute)
		first.expect("guard once")
		first.pause()
		second := a.takes("-ttl", "1h", "-wait")
		second.expect("hook once")
		a.wants(got, registry.OutcomeDone)
		first.signal(syscall.SIGCONT)
		first.exits(1)
		if !strings.Contains(first.everything(), "; in idle") {
			a.Error("the first holder moved")
		}
		a.wants(a.ask("once", time.Minute), registry.OutcomeDone)
		if reply, err := registry.Request(context.Background(), a.st, "job", registry.ForState("busy")); reply.Outcome != registry.OutcomeRejected {
			a.Errorf("%+v, %v", reply, err)
		}
		second.signal(syscall.SIGTERM)
		second.exits(exitOK)
		if _, err := registry.Request(context.Background(), a.st, "job", registry.ForState("busy")); !errors.Is(err, store.ErrNotFound) {
			a.Error(err)
		}
	})
}

// A process whose hook is stuck goes on with its heartbeats. With a gate it loses its key all the
// same, to one that waits.
func TestAStuckProcessLosesItsKeyIfThereIsAGate(t *testing.T) {
	full.Only(t)
	onEachAsked(t, func(a asked) {
		first := a.takes("-ttl", "4s", "-hook", "1h", "-gate")
		got := a.ask("stuck", 15*time.Second)
		first.expect("hook stuck")
		second := a.takes("-ttl", "1h", "-wait")
		second.held()
		first.exits(1)
		if !strings.Contains(first.everything(), "its holder is not healthy, so it was not renewed: idle -> busy (entry) is under way") {
			a.Error("the first holder does not say why it lost its key")
		}
		a.wants(got, registry.OutcomeDoneWithErrors)
		second.signal(syscall.SIGTERM)
		second.exits(exitOK)
	})
}
