package registry_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/leasehold-go/leasehold/fsm"
	"github.com/leasehold-go/leasehold/internal/teststore"
	"github.com/leasehold-go/leasehold/lease"
	"github.com/leasehold-go/leasehold/registry"
	"github.com/leasehold-go/leasehold/store"
)

var tune = fsm.NewEvent[order]("tune")

// servedTuning registers an instance as served does, which may also be asked for tune, an event
// that does not move it.
func servedTuning(t testing.TB, st store.Store, do func(context.Context) error, rules ...fsm.Rule[State]) *instance {
	t.Helper()
	rules = append(rules, fsm.Internal(tune, fsm.From(Idle), fsm.Do(func(ctx context.Context, _ fsm.Transition[State], _ order) error { return do(ctx) })))
	return served(t, st, rules, func(c *config) { c.Requests.Events = append(c.Requests.Events, registry.Requestable[State](tune)) })
}

// A repeat of a request finds its answer when the instance has left, and while another holds the
// key that takes no requests.
func TestAnswerIsFoundWithoutItsInstance(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := teststore.New()
		inst := served(t, st, nil)
		again := func(when string) {
			reply, err := ask(st, registry.ForState("starting"), registry.WithRequestID("once"))
			if err != nil || reply.Outcome != registry.OutcomeDone {
				t.Errorf("%s: %+v, %v", when, reply, err)
			}
		}
		again("first")
		if err := inst.Deregister(t.Context()); err != nil {
			t.Fatal(err)
		}
		again("nobody there")
		deaf := register(t, newKeeper(t, st))
		again("a deaf instance there")
		if _, err := ask(st, registry.ForState("starting")); !errors.Is(err, registry.ErrNoRequests) {
			t.Error(err)
		}
		if deaf.State() != Idle {
			t.Errorf("the deaf instance is in %s", deaf.State())
		}
	})
}

// A transition that a guard queues is not the one that was asked for, and carries no answer.
func TestQueuedTransitionCarriesNoAnswer(t *testing.T) {
	for name, what := range map[string]registry.Requested{"state": registry.ForState("starting"), "event": registry.ForEvent("boot", nil)} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				st := teststore.New()
				asking := true
				var inst *instance
				inst = served(t, st, []fsm.Rule[State]{fsm.Guard(Starting, "manual only", func(ctx context.Context, _ fsm.Transition[State]) error {
					if !asking {
						return nil
					}
					asking = false
					if err := inst.Transition(ctx, Starting); err != nil {
						t.Error(err)
					}
					return errors.New("not by a request")
				})}, func(c *config) {
					c.MachineOptions = append(c.MachineOptions, fsm.WithQueue(1, func(_ context.Context, err error) { t.Error(err) }))
				})
				reply, err := ask(st, what)
				if err == nil || reply.Outcome != registry.OutcomeRejected || inst.State() != Starting {
					t.Errorf("%+v, %v; the instance is in %s", reply, err, inst.State())
				}
				wantAgreement(t, st, inst)
			})
		})
	}
}

// The longest request is known until AnswerKept after its deadline too.
func TestAnswerOfTheLongestRequestIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := teststore.New()
		// It lasts a day, so the heartbeats are fewer than in other tests.
		servedBy(t, newKeeper(t, st, func(c *lease.Config) { c.TTL, c.Heartbeat = 3*time.Minute, time.Minute }), nil)
		once := func(when string) {
			reply, err := ask(st, registry.ForState("starting"), registry.WithRequestID("once"), registry.WithRequestTimeout(store.MaxRequestTTL))
			if err != nil || reply.Outcome != registry.OutcomeDone {
				t.Errorf("%s: %+v, %v", when, reply, err)
			}
		}
		once("at first")
		time.Sleep(store.MaxRequestTTL + registry.AnswerKept - time.Second)
		once("just before it is forgotten")
	})
}

// User code may fail with the errors of another machine or another store.
func TestErrorsOfUserCodeAreNotThoseOfTheRequest(t *testing.T) {
	for _, err := range []error{store.ErrExpired, store.ErrInDoubt, fsm.ErrVetoed, fsm.ErrUnhandled, &fsm.TransitionError[State]{Phase: fsm.PhaseWrite, Moved: true, Err: store.ErrExpired}} {
		t.Run(fmt.Sprint(err), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				st := teststore.New()
				fail := func(context.Context) error { return fmt.Errorf("elsewhere: %w", err) }
				inst := servedTuning(t, st, fail, fsm.Guard(Starting, "elsewhere", func(ctx context.Context, _ fsm.Transition[State]) error { return fail(ctx) }))
				for what, want := range map[registry.Requested]registry.Outcome{
					registry.ForState("starting"):        registry.OutcomeRejected,
					registry.ForEvent("boot", nil):       registry.OutcomeRejected,
					registry.ForEvent("tune", order{17}): registry.OutcomeFailed,
				} {
					if reply, _ := ask(st, what); reply.Outcome != want || !strings.Contains(reply.Error, "elsewhere: ") {
						t.Errorf("%v: %+v, want %s", what, reply, want)
					}
				}
				wantAgreement(t, st, inst)
			})
		})
	}
}

// forbidden is a store whose user may not read requests for a time.
type forbidden struct {
	*teststore.Store
	is  atomic.Bool
	end atomic.Pointer[context.CancelCauseFunc] // of the last reader
}

func (f *forbidden) Requests(ctx context.Context, key string, token store.Token) iter.Seq2[store.Request, error] {
	if f.is.Load() {
		return func(yield func(store.Request, error) bool) { yield(store.Request{}, errBoom) }
	}
	ctx, cancel := context.WithCancelCause(ctx)
	f.end.Store(&cancel)
	return f.Store.Requests(ctx, key, token)
}

// An instance that cannot read its requests says so, and reads them once it can.
func TestRequestsThatCannotBeReadAreNotLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := &forbidden{Store: teststore.New()}
		st.is.Store(true)
		inst := served(t, st, nil, withLog)
		time.Sleep(time.Minute)
		const text = "no requests are carried out: boom"
		if s := published(t, st).Payload.Seen; s.LastError != text {
			t.Errorf("published %q", s.LastError)
		}
		wantLog(t, st, "registered by host-a", "error: "+text)
		time.AfterFunc(10*time.Second, func() { st.is.Store(false) })
		if reply, err := ask(st, registry.ForState("starting")); err != nil || inst.State() != Starting {
			t.Errorf("%+v, %v", reply, err)
		}
		// So it does the next time.
		if err := inst.RecordError(t.Context(), nil); err != nil {
			t.Error(err)
		}
		time.Sleep(2 * time.Minute)
		st.is.Store(true)
		(*st.end.Load())(errBoom)
		time.Sleep(time.Minute)
		if s := published(t, st).Payload.Seen; s.LastError != text {
			t.Errorf("published %q the next time", s.LastError)
		}
	})
}

// A write whose reply is lost is undone. Its answer is corrected, also if the store takes no
// answers until the deadline has passed.
func TestAnswerOfAWriteThatWasUndoneIsCorrected(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := teststore.New()
		inst := served(t, st, nil)
		st.Inject(once(teststore.DropReply), teststore.Update)
		st.Inject(teststore.Refuse, teststore.Answer)
		time.AfterFunc(time.Minute, func() { st.Inject(nil, teststore.Answer) })
		at := func() registry.Reply {
			reply, _ := ask(st, registry.ForState("starting"), registry.WithRequestID("once"))
			return reply
		}
		if reply := at(); reply.Outcome != registry.OutcomeDoneWithErrors || !strings.Contains(reply.Error, "had not ended") {
			t.Errorf("at the deadline: %+v", reply)
		}
		time.Sleep(time.Minute)
		if reply := at(); reply.Outcome != registry.OutcomeFailed || !strings.Contains(reply.Error, "undone") || inst.State() != Idle {
			t.Errorf("later: %+v, in %s", reply, inst.State())
		}
		wantAgreement(t, st, inst)
	})
}

// An event that goes on beyond its deadline is not said to have ended.
func TestEventThatGoesOnIsNotSaidToHaveEnded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := teststore.New()
		servedTuning(t, st, func(context.Context) error { time.Sleep(time.Minute); return nil })
		reply, _ := ask(st, registry.ForEvent("tune", order{1}), registry.WithRequestID("once"))
		if reply.Outcome != registry.OutcomeFailed || !strings.Contains(reply.Error, "it had begun and not ended") {
			t.Errorf("at the deadline: %+v", reply)
		}
		time.Sleep(time.Minute)
		if reply, err := ask(st, registry.ForEvent("tune", order{1}), registry.WithRequestID("once")); err != nil {
			t.Errorf("later: %+v, %v", reply, err)
		}
	})
}

// The log tells of a request as its sender was told.
func TestLogHasTheOutcomeThatTheSenderHas(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := teststore.New()
		slow := func(context.Context, fsm.Transition[State]) error { time.Sleep(20 * time.Second); return errBoom }
		served(t, st, []fsm.Rule[State]{fsm.Guard(Starting, "slow", slow)}, withLog)
		reply, _ := ask(st, registry.ForState("starting"), registry.WithRequestTimeout(10*time.Second))
		time.Sleep(time.Minute)
		if reply.Outcome != registry.OutcomeExpired {
			t.Errorf("%+v", reply)
		}
		wantLog(t, st, "registered by host-a", `request for state "starting" by : expired`)
	})
}

// A write that is in doubt at the deadline and did not come through leaves the request expired, for
// its sender and in the log.
func TestLogHasTheOutcomeOfAWriteInDoubtAtTheDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := teststore.New()
		served(t, st, nil, withLog)
		st.Inject(teststore.Silence, teststore.Update)
		if reply, _ := ask(st, registry.ForState("starting")); reply.Outcome != registry.OutcomeExpired {
			t.Errorf("%+v", reply)
		}
		st.Inject(nil, teststore.Update)
		time.Sleep(time.Minute)
		wantLog(t, st, "registered by host-a", `request for state "starting" by : expired`)
	})
}

// The log of an instance that cannot answer, as one without the right, has the outcome that the sender has.
func TestLogHasTheOutcomeOfARequestThatCannotBeAnswered(t *testing.T) {
	for name, what := range map[string]registry.Requested{"state": registry.ForState("starting"), "event": registry.ForEvent("boot", nil)} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				st := teststore.New()
				inst := served(t, st, nil, withLog)
				st.Inject(teststore.Refuse, teststore.Answer, teststore.Update)
				if reply, _ := ask(st, what); reply.Outcome != registry.OutcomeExpired || inst.State() != Idle {
					t.Errorf("%+v, in %s", reply, inst.State())
				}
				time.Sleep(time.Minute)
				if log := logOf(t, st, store.LogQuery{}); !strings.HasSuffix(log[len(log)-1], ": expired") {
					t.Errorf("log %q", log)
				}
				st.Inject(nil, teststore.Answer, teststore.Update)
				if _, err := ask(st, what); err != nil {
					t.Errorf("the next request: %v", err)
				}
			})
		})
	}
}

// A hook may leave a goroutine behind that uses its context: what that does later is no part of
// the request.
func TestGoroutineOfAHookIsNoPartOfTheRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := teststore.New()
		var inst *instance
		late := make(chan error, 1)
		inst = servedTuning(t, st, func(ctx context.Context) error {
			go func() {
				time.Sleep(time.Hour)
				late <- inst.Transition(context.WithoutCancel(ctx), Starting)
			}()
			return nil
		})
		if _, err := ask(st, registry.ForEvent("tune", order{1})); err != nil {
			t.Fatal(err)
		}
		if err := <-late; err != nil {
			t.Error(err)
		}
	})
}

// An instance that leaves takes no more requests: they are for the next one.
func TestLeavingInstanceTakesNoRequests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := teststore.New()
		slow := func(context.Context, fsm.Transition[State]) error { time.Sleep(5 * time.Second); return nil }
		inst := served(t, st, []fsm.Rule[State]{fsm.OnEntry(Stopping, slow)})
		move(t, inst, Starting)
		left := make(chan error, 1)
		go func() { left <- inst.Leave(t.Context()) }()
		time.Sleep(time.Second)
		asked := make(chan registry.Reply, 1)
		go func() {
			reply, _ := ask(st, registry.ForState("starting"))
			asked <- reply
		}()
		if err := <-left; err != nil {
			t.Fatal(err)
		}
		next := served(t, st, nil)
		if reply := <-asked; reply.Outcome != registry.OutcomeDone || next.State() != Starting {
			t.Errorf("%+v, in %s", reply, next.State())
		}
	})
}

// The instance keeps nothing of its caller's.
func TestConfigMayChangeAfterRegister(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := teststore.New()
		var cfg config
		inst := served(t, st, nil, withLog, func(c *config) { cfg = *c })
		cfg.Requests.States[1] = Stopped // of Starting
		cfg.Requests.Events = nil
		cfg.Log.Entries = -1
		if reply, err := ask(st, registry.ForState("starting")); err != nil {
			t.Errorf("%+v, %v", reply, err)
		}
		if _, err := ask(st, registry.ForEvent("resize", order{1})); !strings.Contains(err.Error(), "not handled") {
			t.Error(err)
		}
		synctest.Wait()
		wantAgreement(t, st, inst)
	})
}

// Sender and cause are bounded, for the instance too.
func TestLongSenderAndCauseAreRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := teststore.New()
		inst := served(t, st, nil)
		fits, long := strings.Repeat("x", registry.MaxRequestText), strings.Repeat("x", registry.MaxRequestText+1)
		for _, option := range []registry.RequestOption{registry.WithSender(long), registry.WithRequestCause(long)} {
			if _, err := ask(st, registry.ForState("starting"), option); !errors.Is(err, store.ErrInvalid) {
				t.Error(err)
			}
		}
		for _, field := range []string{"sender", "cause"} {
			a, err := st.Ask(t.Context(), store.Request{Key: key, ID: field, Body: fmt.Appendf(nil, `{"state":"starting",%q:%q}`, field, long), TTL: time.Minute})
			var reply registry.Reply
			if err := cmpOr(err, json.Unmarshal(a.Body, &reply)); err != nil || reply.Outcome != registry.OutcomeRejected || !strings.Contains(reply.Error, field) {
				t.Errorf("%+v, %v", reply, err)
			}
		}
		if _, err := ask(st, registry.ForState("starting"), registry.WithSender(fits), registry.WithRequestCause(fits)); err != nil || inst.State() != Starting {
			t.Error(err)
		}
	})
}

// A leave is logged once, and is no loss, whatever else the instance does meanwhile.
func TestLeaveIsNoLoss(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := teststore.New()
		inst := register(t, newKeeper(t, st), withLog)
		synctest.Wait()
		st.Inject(teststore.Delay(200*time.Millisecond, 0), teststore.Append)
		ended := make(chan error, 2)
		for range 2 {
			go func() { ended <- inst.Deregister(t.Context()) }()
		}
		time.Sleep(100 * time.Millisecond)
		move(t, inst, Starting)
		for range 2 {
			if err := <-ended; err != nil {
				t.Error(err)
			}
		}
		st.Inject(nil, teststore.Append)
		register(t, newKeeper(t, st), withLog)
		synctest.Wait()
		wantLog(t, st, "registered by host-a", "left", "idle -> starting", "registered by host-a")
	})
}

// Entries of other programs, and of other versions, are shown as what they are.
func TestForeignLogEntriesAreShown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := teststore.New()
		inst := register(t, newKeeper(t, st), withLog)
		if err := inst.Lease().AppendLog([]byte("garbage"), []byte(`{"kind":"registered"}`), []byte(`{"kind":"transition"}`),
			[]byte(`{"kind":"request"}`), []byte(`{"kind":"lost"}`), []byte(`{"kind":"later"}`), []byte("{}"), []byte("null")); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		texts := logOf(t, st, store.LogQuery{})
		for _, text := range texts[1:] {
			if !strings.HasPrefix(text, "error: an entry that cannot be read: ") {
				t.Error(text)
			}
		}
		if len(texts) != 9 {
			t.Errorf("%q", texts)
		}
	})
}

// Pages of a log join to the whole, the losses between them included.
func TestPagesOfALog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := teststore.New()
		for range 3 {
			inst := register(t, newKeeper(t, st), withLog)
			move(t, inst, Starting, Idle)
			synctest.Wait()
			st.Evict(key)
			<-inst.Lease().Done()
		}
		whole := logOf(t, st, store.LogQuery{})
		if lost := slices.DeleteFunc(slices.Clone(whole), func(text string) bool { return text != "lost" }); len(lost) != 2 {
			t.Fatalf("%q", whole)
		}
		for _, backward := range []bool{false, true} {
			for limit := 1; limit < 5; limit++ {
				var texts []string
				query := store.LogQuery{Backward: backward, Limit: limit}
				for more := true; more; {
					more = false
					for e, err := range registry.ReadLog(t.Context(), st, key, query) {
						if err != nil {
							t.Fatal(err)
						}
						texts, more = append(texts, textOf(e)), true
						if query.After = e.LogPosition; backward {
							query.After, query.Before = store.LogPosition{}, e.LogPosition
						}
					}
				}
				if backward {
					slices.Reverse(texts)
				}
				if d := diff(whole, texts); d != "" {
					t.Errorf("backward %v, pages of %d (-want +got):\n%s", backward, limit, d)
				}
			}
		}
		// A page from the other end of a bound has neither the bound nor what lies beyond it.
		var first store.LogPosition
		for e := range registry.ReadLog(t.Context(), st, key, store.LogQuery{}) {
			if e.Kind == registry.LogLost {
				first = e.LogPosition
				break
			}
		}
		if got := logOf(t, st, store.LogQuery{Before: first}); !slices.Equal(got, whole[:3]) {
			t.Errorf("before the first loss: %q", got)
		}
		if got := logOf(t, st, store.LogQuery{After: first}); !slices.Equal(got, whole[4:]) {
			t.Errorf("after the first loss: %q", got)
		}
	})
}

// A sender whose answer was lost has the id to ask with again. The answer stands for the id,
// whatever is asked for with it.
func TestRequestWithoutAReplyHasAnID(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := teststore.New()
		slow := func(context.Context, fsm.Transition[State]) error { time.Sleep(5 * time.Second); return nil }
		inst := served(t, st, []fsm.Rule[State]{fsm.Before(slow)})
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(2*time.Second, cancel)
		lost, err := registry.Request(ctx, st, key, registry.ForState("starting"))
		if !errors.Is(err, store.ErrInDoubt) || !errors.Is(err, context.Canceled) || lost.ID == "" || lost.Outcome != "" {
			t.Fatalf("without a reply: %+v, %v", lost, err)
		}
		for _, state := range []string{"starting", "idle"} {
			again, err := ask(st, registry.ForState(state), registry.WithRequestID(lost.ID))
			if err != nil || again.ID != lost.ID || again.State != "starting" || inst.State() != Starting {
				t.Errorf("again, for %s: %+v, %v", state, again, err)
			}
		}
	})
}

// Entries of other kinds that come behind LogLeft make no loss of it.
func TestErrorWhileLeavingIsNoLoss(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := teststore.New()
		inst := register(t, newKeeper(t, st), withLog)
		synctest.Wait()
		st.Inject(teststore.Delay(200*time.Millisecond, 0), teststore.Append)
		left := make(chan error, 1)
		go func() { left <- inst.Deregister(t.Context()) }()
		time.Sleep(100 * time.Millisecond)
		if err := inst.RecordError(t.Context(), errBoom); err != nil {
			t.Error(err)
		}
		if err := <-left; err != nil {
			t.Error(err)
		}
		st.Inject(nil, teststore.Append)
		register(t, newKeeper(t, st), withLog)
		synctest.Wait()
		wantLog(t, st, "registered by host-a", "left", "error: boom", "registered by host-a")
	})
}

// An answer that the network loses holds up neither later requests nor other writes.
func TestAnswerThatIsLostHoldsUpNothing(t *testing.T) {
	for _, what := range []registry.Requested{registry.ForState("starting"), registry.ForEvent("boot", nil)} {
		t.Run(what.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				st := teststore.New()
				inst := served(t, st, nil)
				for range 3 {
					st.Inject(once(teststore.Silence), teststore.Answer)
					if reply, err := ask(st, what, registry.WithRequestTimeout(time.Hour)); err != nil || inst.State() != Starting {
						t.Errorf("%+v, %v, in %s", reply, err, inst.State())
					}
					ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
					if err := inst.Transition(ctx, Idle); err != nil {
						t.Error(err)
					}
					cancel()
				}
				wantAgreement(t, st, inst)
			})
		})
	}
}

// A leave that has waited for a request in vain is logged all the same, and is no loss.
func TestLeaveDuringARequestIsNoLoss(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := teststore.New()
		slow := func(context.Context, fsm.Transition[State]) error { time.Sleep(20 * time.Second); return nil }
		inst := served(t, st, []fsm.Rule[State]{fsm.OnEntry(Starting, slow)}, withLog)
		go func() { _, _ = ask(st, registry.ForState("starting")) }()
		time.Sleep(time.Second)
		_ = inst.Deregister(t.Context()) // its error names the request
		register(t, newKeeper(t, st), withLog)
		time.Sleep(time.Minute)
		wantLog(t, st, "registered by host-a", "idle -> starting", "left", "registered by host-a")
	})
}
