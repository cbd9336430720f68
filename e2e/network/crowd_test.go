package network_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/leasehold-go/leasehold/e2e/network"
	"github.com/leasehold-go/leasehold/internal/full"
	"github.com/leasehold-go/leasehold/store"
)

// Thousands of callers leave while the store has not answered their creates.
func TestCloseSettlesTheCreatesOfACrowdThatHasLeft(t *testing.T) {
	full.Only(t)
	onEach(t, func(t *testing.T, l *line) {
		const callers = 2000
		k := l.keep(l.far, slow)
		l.warm(k)
		l.Freeze(network.ToClient)
		ctx, leave := context.WithCancel(t.Context())
		var calls sync.WaitGroup
		for i := range callers {
			calls.Go(func() {
				_, err := k.Acquire(ctx, fmt.Sprintf("crowd:%d", i), []byte("mine"))
				if !errors.Is(err, store.ErrInDoubt) && !errors.Is(err, store.ErrUnavailable) {
					t.Errorf("acquire: %v", err)
				}
			})
		}
		time.Sleep(200 * time.Millisecond) // most creates are sent, and the first are carried out
		leave()
		calls.Wait()
		l.Heal()
		l.want("close", k.Close(t.Context()), nil)
		n := 0
		for _, err := range l.near.List(t.Context(), "crowd:") {
			if err != nil {
				t.Fatal(err)
			}
			n++
		}
		if n > 0 {
			t.Errorf("%d records that nobody holds", n)
		}
	})
}
