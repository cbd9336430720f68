package etcdstore

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// A watch that its caller leaves while it opens is left only once the server has answered, or
// after a moment.
func TestAWatchIsNotLeftWhileItOpens(t *testing.T) {
	for name, c := range map[string]struct {
		answer, takes time.Duration // from the end of the caller's context on
	}{
		"the server answers": {leaveTimeout / 2, leaveTimeout / 2},
		"the server hangs":   {time.Hour, leaveTimeout},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, leave := context.WithCancel(t.Context())
				leave()
				began := time.Now()
				watching, stop, err := openWatch(ctx, func(ctx context.Context) error { return sleepFor(ctx, c.answer) })
				defer stop()
				synctest.Wait()
				if took := time.Since(began); took != c.takes || !errors.Is(err, context.Canceled) || watching.Err() == nil {
					t.Errorf("after %v, want %v: %v; the watch's context: %v", took, c.takes, err, watching.Err())
				}
			})
		})
	}
}

func TestAnOpenWatchEndsWithItsCallersContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, leave := context.WithCancel(t.Context())
		watching, stop, err := openWatch(ctx, func(context.Context) error { return nil })
		defer stop()
		time.Sleep(time.Hour)
		if err != nil || watching.Err() != nil {
			t.Errorf("%v; %v", err, watching.Err())
		}
		leave()
		synctest.Wait()
		if watching.Err() == nil {
			t.Error("it goes on")
		}
	})
}

func TestAWatchThatDoesNotOpenIsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		_, stop, err := openWatch(t.Context(), func(ctx context.Context) error { return sleepFor(ctx, time.Hour) })
		defer stop()
		if took := time.Since(began); took != watchTimeout || err != errHung {
			t.Errorf("after %v: %v", took, err)
		}
	})
}

func sleepFor(ctx context.Context, d time.Duration) error {
	sleep(ctx, d)
	return ctx.Err()
}
