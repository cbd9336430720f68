package registry_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
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
)

// Whatever fails, a request is carried out once at most and not after its deadline, its answers
// are true, and the log has what happened, in its order, and each loss.
func TestRandomRequests(t *testing.T) {
	for seed := range uint64(100) {
		synctest.Test(t, func(t *testing.T) {
			w := &office{random: rand.New(rand.NewPCG(seed, 0)), st: teststore.New(), ran: make(map[string][]time.Time), ends: make(map[string]time.Time), replies: make(map[string][]registry.Reply)}
			w.run(t)
			for _, wrong := range append(w.checkRequests(), w.checkLog(t)...) {
				t.Errorf("seed %d: %s", seed, wrong)
			}
		})
	}
}

// office has one instance after the other, and their senders. The id of a request is also its
// cause.
type office struct {
	st *teststore.Store

	mu      sync.Mutex // guards all below
	random  *rand.Rand
	ran     map[string][]time.Time // by request: when its hook began
	order   []string               // of those that moved the instance
	ends    map[string]time.Time   // deadlines
	replies map[string][]registry.Reply
	lost    int // leases
}

func pick[E any](w *office, of ...E) E {
	w.mu.Lock()
	defer w.mu.Unlock()
	return of[w.random.IntN(len(of))]
}

// code is a guard or hook that may take its time and fail.
func (w *office) code() error {
	d := pick(w, 0, 0, 0, time.Second, 12*time.Second)
	time.Sleep(d)
	if d == time.Second {
		return errBoom
	}
	return nil
}

func (w *office) hook(_ context.Context, t fsm.Transition[State]) error {
	w.mu.Lock()
	w.ran[t.Cause] = append(w.ran[t.Cause], time.Now())
	if t.From != t.To && strings.HasPrefix(t.Cause, "request ") { // no leave
		w.order = append(w.order, t.Cause)
	}
	w.mu.Unlock()
	return w.code()
}

func (w *office) run(t *testing.T) {
	guard := func(context.Context, fsm.Transition[State]) error { return w.code() }
	rules := []fsm.Rule[State]{fsm.Guard(Starting, "slow", guard), fsm.After(w.hook), fsm.Internal(tune, fsm.From(Idle))}
	var senders sync.WaitGroup
	for life := range 3 {
		inst := served(t, w.st, rules, withLog, func(c *config) {
			c.Wait = true
			c.Requests.Events = append(c.Requests.Events, registry.Requestable[State](tune))
		})
		for n := range 15 {
			senders.Go(func() { w.send(fmt.Sprintf("request %d.%d", life, n)) })
			verb := pick(w, teststore.Update, teststore.Answer, teststore.Renew)
			w.st.Inject(faults[pick(w, "none", "none", "refuse", "drop", "drop reply", "late", "slow")], verb)
			time.Sleep(pick(w, 0, time.Millisecond, time.Second, 4*time.Second))
			w.st.Inject(nil, verb)
		}
		if pick(w, true, false) && inst.Lease().Valid() {
			w.st.Evict(key)
			<-inst.Lease().Done()
		}
		_ = inst.Leave(t.Context()) // with the errors of hooks, of a loss and of a request that goes on
		if lost := new(lease.LostError); errors.As(inst.Lease().Err(), &lost) {
			w.lost++
		}
	}
	senders.Wait()
	time.Sleep(time.Minute)
	register(t, newKeeper(t, w.st), withLog)
	synctest.Wait()
}

// send asks for something, perhaps several times.
func (w *office) send(id string) {
	what := pick(w, registry.ForState("starting"), registry.ForState("idle"), registry.ForState("active"),
		registry.ForEvent("boot", nil), registry.ForEvent("tune", order{1}), registry.ForEvent("tune", "odd"))
	timeout := pick(w, time.Second, 5*time.Second, 20*time.Second)
	for range pick(w, 1, 2, 3) {
		w.mu.Lock()
		w.ends[id] = time.Now().Add(timeout)
		w.mu.Unlock()
		reply, _ := registry.Request(context.Background(), w.st, key, what,
			registry.WithRequestID(id), registry.WithRequestCause(id), registry.WithRequestTimeout(timeout))
		w.mu.Lock()
		w.replies[id] = append(w.replies[id], reply)
		w.mu.Unlock()
		if reply.Outcome == "" || reply.Outcome == registry.OutcomeExpired {
			return // a repeat would be a new request
		}
		time.Sleep(pick(w, 0, time.Second, 30*time.Second))
	}
}

func (w *office) checkRequests() (wrong []string) {
	const late = 200 * time.Millisecond // the reply to a write that a slow store has made in time
	for id, replies := range w.replies {
		ran := w.ran[id]
		if len(ran) > 1 || len(ran) == 1 && ran[0].After(w.ends[id].Add(late)) {
			wrong = append(wrong, fmt.Sprintf("%s ran at %v, its deadline is %v", id, ran, w.ends[id]))
		}
		for _, r := range replies {
			unsure := strings.Contains(r.Error, "had not ended") || strings.Contains(r.Error, "had begun and not ended")
			said := r.Outcome == registry.OutcomeDone || strings.Contains(r.Error, "after hook")
			if !unsure && said != (len(ran) == 1) {
				wrong = append(wrong, fmt.Sprintf("%s ran %d times, and its answers are %+v", id, len(ran), replies))
			}
		}
	}
	return wrong
}

func (w *office) checkLog(t *testing.T) (wrong []string) {
	var last store.LogPosition
	var causes []string
	lost := 0
	for e, err := range registry.ReadLog(t.Context(), w.st, key, store.LogQuery{}) {
		if err != nil || e.Compare(last) <= 0 {
			return []string{fmt.Sprintf("%+v is behind %v: %v", e, last, err)}
		}
		last = e.LogPosition
		switch {
		case e.Kind == registry.LogLost:
			lost++
		case e.Kind == registry.LogTransition && slices.Contains(w.order, e.Transition.Cause):
			causes = append(causes, e.Transition.Cause)
		}
	}
	if lost != w.lost {
		wrong = append(wrong, fmt.Sprintf("the log has %d losses, there were %d", lost, w.lost))
	}
	if !slices.Equal(causes, w.order) {
		wrong = append(wrong, fmt.Sprintf("the log has the transitions %q, made were %q", causes, w.order))
	}
	return wrong
}
