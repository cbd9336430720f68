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
