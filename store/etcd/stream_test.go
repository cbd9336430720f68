package etcdstore

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
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
				time.AfterFunc(time.Second, leave)
				left := time.Now().Add(time.Second)
				var o opened
				_, err := aStream().open(ctx, o.after(time.Second+c.answer))
				if took := time.Since(left); took != c.takes || !errors.Is(err, context.Canceled) || o.ctx.Err() == nil {
					t.Errorf("after %v, want %v: %v; the watch's context: %v", took, c.takes, err, o.ctx.Err())
				}
			})
		})
	}
}

func TestAWatchThatDoesNotOpenIsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		_, err := aStream().open(t.Context(), new(opened).after(time.Hour))
		if took := time.Since(began); took != watchTimeout || err != errHung {
			t.Errorf("after %v: %v", took, err)
		}
	})
}

// While a watch of a stream opens, no other one ends, unless it takes long.
func TestNoWatchEndsWhileAnotherOneOpens(t *testing.T) {
	for name, c := range map[string]struct {
		answer, takes time.Duration
	}{
		"the server answers": {leaveTimeout / 2, leaveTimeout / 2},
		"the server hangs":   {time.Hour, leaveTimeout},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				stream := aStream()
				var o opened
				watches, err := stream.open(t.Context(), o.after(0))
				if err != nil || o.ctx.Err() != nil {
					t.Fatal(err, o.ctx.Err())
				}
				began := time.Now()
				var ended time.Duration
				context.AfterFunc(o.ctx, func() { ended = time.Since(began) })
				var other sync.WaitGroup
				defer other.Wait()
				other.Go(func() { stream.open(t.Context(), new(opened).after(c.answer)) })
				synctest.Wait()
				watches.close()
				synctest.Wait()
				if ended != c.takes {
					t.Errorf("after %v, want %v", ended, c.takes)
				}
			})
		})
	}
}

// A caller that waits for others to open their watches leaves at once, and a watch that ends waits
// for none of them.
func TestAWatchThatEndsPassesThoseThatAreToOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stream := aStream()
		watches, err := stream.open(t.Context(), new(opened).after(0))
		if err != nil {
			t.Fatal(err)
		}
		ctx, leave := context.WithCancel(t.Context())
		defer leave()
		const takes = leaveTimeout / 2
		var left, openedNow atomic.Int32
		var others sync.WaitGroup
		for range 10 {
			others.Go(func() {
				w, err := stream.open(ctx, new(opened).after(takes))
				if err != nil {
					left.Add(1)
					return
				}
				openedNow.Add(1)
				w.close()
			})
		}
		synctest.Wait()
		began := time.Now()
		watches.close()
		if took := time.Since(began); took != takes {
			t.Errorf("the end takes %v, want %v, as one watch takes to open", took, takes)
		}
		synctest.Wait() // the first of the others has opened its watch
		leave()
		others.Wait()
		if took := time.Since(began); took > 2*takes || openedNow.Load() == 0 || left.Load() < 8 {
			t.Errorf("%d have opened and %d left within %v", openedNow.Load(), left.Load(), took)
		}
	})
}

// A store that is closed ends its watches one by one.
func TestAStreamDoesNotEndWithTheStore(t *testing.T) {
	c := &cluster{revision: newClusterRevision(), tasks: newTasks()}
	stream := newWatchStream(c)
	defer stream.close()
	c.tasks.close()
	if err := stream.ctx.Err(); err != nil {
		t.Error(err)
	}
}

func aStream() *watchStream { return newWatchStream(&cluster{revision: newClusterRevision()}) }

// opened is a watch that opens some time after it is asked for, and ends with its context.
type opened struct{ ctx context.Context }

func (o *opened) after(d time.Duration) func(context.Context) ([]clientv3.WatchChan, error) {
	return func(ctx context.Context) ([]clientv3.WatchChan, error) {
		o.ctx = ctx
		events := make(chan clientv3.WatchResponse)
		context.AfterFunc(ctx, func() { close(events) })
		sleep(ctx, d)
		return []clientv3.WatchChan{events}, ctx.Err()
	}
}
