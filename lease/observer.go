package lease

import (
	"log/slog"
	"slices"
	"sync"
)

// maxAttempts bounds the attempts that wait for OnRenew or OnAcquire.
const maxAttempts = 1 << 14

// maxSpare bounds the events for which an observer keeps room.
const maxSpare = 1 << 10

// observer calls an OnRenew, OnAcquire or OnLoss with one event after the other, on a goroutine that
// lives while there are events. Nothing waits for it but Close.
type observer[E any] struct {
	keeper *Keeper
	name   string
	call   func(E)
	most   int           // events that may wait; more are dropped. 0 for no limit
	count  func(*E, int) // notes in an event how many were dropped before it

	mu      sync.Mutex
	queue   []E
	spare   []E // an empty one, for the next queue
	running bool
	dropped int
}

// add queues an event, or drops it.
func (o *observer[E]) add(e E) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.most > 0 && len(o.queue) >= o.most {
		o.dropped++
		return
	}
	o.queue = append(o.queue, e)
	if o.dropped > 0 {
		o.count(&o.queue[len(o.queue)-1], o.dropped) // not e, which would be allocated
		o.dropped = 0
	}
	if !o.running {
		o.running = true
		o.keeper.callbacks.start(o.run)
	}
}

// run calls the callback until no event is left. If the callback ends the goroutine, another goes on.
func (o *observer[E]) run() {
	var rest []E // that was taken out of the queue
	over := false
	defer func() {
		if over {
			return
		}
		o.mu.Lock()
		o.queue = slices.Concat(rest, o.queue)
		o.mu.Unlock()
		o.keeper.callbacks.start(o.run)
	}()
	for {
		o.mu.Lock()
		events := o.queue
		o.queue, o.spare = o.spare, nil
		o.running = len(events) > 0
		o.mu.Unlock()
		if len(events) == 0 {
			over = true
			return
		}
		for i, e := range events {
			rest = events[i+1:]
			err := protect(o.name, func() error {
				o.call(e)
				return nil
			})
			if progress := o.keeper.progress.Load(); progress != nil {
				(*progress)()
			}
			if panicked, ok := err.(*PanicError); ok {
				o.keeper.panics.Add(1)
				slog.Error("lease: "+panicked.Error(), "stack", string(panicked.Stack))
			}
		}
		if cap(events) <= maxSpare {
			clear(events)
			o.mu.Lock()
			o.spare = events[:0]
			o.mu.Unlock()
		}
	}
}
