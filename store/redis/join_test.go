package redisstore

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/leasehold-go/leasehold/store"
)

// A server that hangs does not confirm a topic; the store is closed meanwhile.
func TestCloseEndsAJoinThatTheServerDoesNotConfirm(t *testing.T) {
	for name, settled := range map[string]bool{"before a first connection": false, "beside other topics": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := &listener{transport: new(transport)}
				ctx, stop := context.WithCancel(t.Context())
				s := &session{stop: stop, stopped: ctx.Done(), settled: make(chan struct{})}
				if settled {
					l.settle(s, nil)
				}
				time.AfterFunc(time.Second, stop)
				began := time.Now()
				err := l.await(t.Context(), s, &subscribed{confirmed: make(chan struct{})}, topic{name: "key"})
				if took := time.Since(began); took != time.Second || !errors.Is(err, store.ErrClosed) {
					t.Errorf("after %v: %v", took, err)
				}
			})
		})
	}
}

// Messages are left on the connection while nobody but gathering watches listens. Another listener
// does not wait for them.
func TestAListenerInAHurryEndsAPause(t *testing.T) {
	const late = 100 * time.Millisecond
	synctest.Test(t, func(t *testing.T) {
		l := &listener{transport: new(transport), session: &session{stop: func() {}}}
		check := func(when string, pause time.Duration) {
			t.Helper()
			began := time.Now()
			l.pause(t.Context())
			if took := time.Since(began); took != pause {
				t.Errorf("%s: a pause of %v, want %v", when, took, pause)
			}
			if got := l.gathers(maxRest); got != maxRest-pause {
				t.Errorf("%s: a watch gathers %v by itself, want %v", when, got, maxRest-pause)
			}
		}
		check("nobody", 0)
		gathering, other := topic{name: "*", pattern: true}, topic{name: "key"}
		l.enter(gathering)
		end := l.relax(late)
		check("one that gathers", late)
		l.enter(gathering)
		endSlow := l.relax(time.Hour)
		check("two that gather", late)
		end()
		l.leave(gathering)
		check("a slow one", maxRest)
		l.enter(other)
		check("one in a hurry", 0)
		l.leave(other)
		check("a slow one again", maxRest)

		ended := make(chan time.Time)
		began := time.Now()
		go func() {
			l.pause(t.Context())
			ended <- time.Now()
		}()
		time.Sleep(late)
		l.enter(other)
		if took := (<-ended).Sub(began); took != late {
			t.Errorf("a listener in a hurry that came after %v was heard after %v", late, took)
		}
		endSlow()
		check("none that gathers", 0)
	})
}
