// Package answered acquires keys on servers that have much else to do. A keeper gives one
// request no more than half a heartbeat, and heartbeats of tests are short.
package answered

import (
	"context"
	"errors"
	"time"

	"github.com/leasehold-go/leasehold/store"
)

// patience is how long the answer may take.
const patience = time.Minute

// Acquire calls acquire until the store has answered it, or ctx ends. A create in doubt may
// then find its own record, until it is settled.
func Acquire[T any](ctx context.Context, acquire func() (T, error)) (T, error) {
	doubt := false
	for late := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		held, err := acquire()
		again := errors.Is(err, store.ErrUnavailable) || errors.Is(err, store.ErrInDoubt) ||
			doubt && errors.Is(err, store.ErrHeld)
		if !again || ctx.Err() != nil || time.Now().After(late) {
			return held, err
		}
		doubt = doubt || errors.Is(err, store.ErrInDoubt)
	}
}
