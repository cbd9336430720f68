package ctxerr_test

import (
	"context"
	"errors"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/leasehold-go/leasehold/internal/ctxerr"
)

// Each way to end a limited context, asked for before and after the end.
func TestLimitedContextEnds(t *testing.T) {
	errParent, errOther := errors.New("parent"), errors.New("other")
	for name, c := range map[string]struct {
		end   func(l *ctxerr.Limited, parent, also context.CancelCauseFunc)
		want  error
		cause error
	}{
		"with its parent":    {func(_ *ctxerr.Limited, parent, _ context.CancelCauseFunc) { parent(errParent) }, context.Canceled, errParent},
		"with the other":     {func(_ *ctxerr.Limited, _, also context.CancelCauseFunc) { also(errOther) }, context.Canceled, context.Canceled},
		"at its deadline":    {func(*ctxerr.Limited, context.CancelCauseFunc, context.CancelCauseFunc) { time.Sleep(time.Second) }, context.DeadlineExceeded, context.DeadlineExceeded},
		"when it is told to": {func(l *ctxerr.Limited, _, _ context.CancelCauseFunc) { l.End() }, context.Canceled, context.Canceled},
		"by what comes first": {func(l *ctxerr.Limited, parent, _ context.CancelCauseFunc) {
			parent(errParent)
			time.Sleep(time.Second)
			l.End()
		}, context.Canceled, errParent},
	} {
		for _, early := range []bool{true, false} {
			t.Run(name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					parent, endParent := context.WithCancelCause(t.Context())
					also, endAlso := context.WithCancelCause(t.Context())
					defer endParent(nil)
					defer endAlso(nil)
					l := ctxerr.NewLimits(also, time.Second).Limit(parent)
					defer l.End()
					if early {
						select {
						case <-l.Done():
							t.Fatal("it has ended from the first")
						default:
						}
					}
					if err := l.Err(); err != nil {
						t.Fatalf("from the first: %v", err)
					}
					c.end(l, endParent, endAlso)
					synctest.Wait()
					if err := l.Err(); err != c.want {
						t.Errorf("got %v, want %v", err, c.want)
					}
					if cause := context.Cause(l); cause != c.cause {
						t.Errorf("cause %v, want %v", cause, c.cause)
					}
					select {
					case <-l.Done():
					default:
						t.Error("Done is open")
					}
					if err := l.Err(); err != c.want {
						t.Errorf("after Done: %v, want %v", err, c.want)
					}
				})
			})
		}
	}
}

// A caller whom a signal has told asks for the error at once. Done can be a moment later.
func TestASignalComesWithAnError(t *testing.T) {
	for name, end := range map[string]func(parent, also context.CancelFunc){
		"of the parent":   func(parent, _ context.CancelFunc) { parent() },
		"of the other":    func(_, also context.CancelFunc) { also() },
		"of the deadline": func(context.CancelFunc, context.CancelFunc) { time.Sleep(time.Second) },
	} {
		t.Run(name, func(t *testing.T) {
			for range 100 {
				synctest.Test(t, func(t *testing.T) {
					parent, endParent := context.WithCancel(t.Context())
					also, endAlso := context.WithCancel(t.Context())
					defer endParent()
					defer endAlso()
					l := ctxerr.NewLimits(also, time.Second).Limit(parent)
					defer l.End()
					l.Done()
					go end(endParent, endAlso)
					ended, limit := l.Signals()
					select {
					case <-ended:
					case <-limit:
					}
					if err := ctxerr.Of(l); err == nil {
						t.Fatal("there is none")
					}
				})
			}
		})
	}
}

func TestLimitedContextHasTheEarlierDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		parent, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		for d, want := range map[time.Duration]time.Duration{time.Second: time.Second, time.Hour: time.Minute} {
			l := ctxerr.NewLimits(context.Background(), d).Limit(parent)
			if at, ok := l.Deadline(); !ok || time.Until(at) != want {
				t.Errorf("of %v: %v, %v", d, time.Until(at), ok)
			}
			l.End()
		}
	})
}

// Calls share a deadline that leaves each of them 15/16 of the time at least.
func TestLimitsAreShared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const most = 16 * time.Second
		limits := ctxerr.NewLimits(context.Background(), most)
		deadlines := make(map[time.Time]int)
		for range 32 {
			l := limits.Limit(context.Background())
			at, _ := l.Deadline()
			if left := time.Until(at); left > most || left < most/16*15 {
				t.Errorf("%v left of %v", left, most)
			}
			deadlines[at]++
			l.End()
			time.Sleep(time.Second / 4)
		}
		if len(deadlines) != 8 {
			t.Errorf("%d deadlines in eight sixteenths of the time", len(deadlines))
		}
	})
}

// The parent's deadline is the parent's to keep: its cause says more.
func TestLimitedContextHasTheCauseOfItsParentsDeadline(t *testing.T) {
	for _, early := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			reason := errors.New("no patience")
			parent, cancel := context.WithTimeoutCause(t.Context(), time.Second, reason)
			defer cancel()
			l := ctxerr.NewLimits(context.Background(), time.Minute).Limit(parent)
			defer l.End()
			if early {
				l.Done()
			}
			time.Sleep(time.Second)
			<-l.Done()
			if err := ctxerr.Of(l); !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, reason) {
				t.Errorf("got %v", err)
			}
		})
	}
}

// A context that is made from it costs no goroutine, and ends with it.
func TestContextFromALimitedOne(t *testing.T) {
	type key struct{}
	l := ctxerr.NewLimits(context.Background(), time.Hour).Limit(context.WithValue(t.Context(), key{}, "value"))
	before := runtime.NumGoroutine()
	for range 100 {
		child, cancel := context.WithCancel(l)
		defer cancel()
		if child.Value(key{}) != "value" {
			t.Fatal("the value of the parent is missing")
		}
		defer func() {
			if child.Err() != context.Canceled {
				t.Errorf("a context from it: %v", child.Err())
			}
		}()
	}
	if n := runtime.NumGoroutine(); n >= before+100 {
		t.Errorf("%d goroutines for a hundred contexts", n-before)
	}
	l.End()
}
