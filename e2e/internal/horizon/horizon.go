// Package horizon wraps a store and notes the promises of its answers.
package horizon

import (
	"context"
	"sync"
	"time"

	"github.com/leasehold-go/leasehold/store"
)

// Store is a store that notes how far its answers let a holder trust, and how many
// writes it was asked for after the create, of the term that it began.
type Store struct {
	store.Store
	mu     sync.Mutex
	last   time.Time
	writes int
}

func (h *Store) count() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.writes++
}

// Asked is how many writes there were after the create.
func (h *Store) Asked() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.writes
}

func (h *Store) Update(ctx context.Context, w store.Update) error {
	h.count()
	return h.Store.Update(ctx, w)
}

func (h *Store) Delete(ctx context.Context, key string, ref store.LeaseRef) error {
	if ref.Token != 0 { // else it settles a create that was repeated, whatever came of it
		h.count()
	}
	return h.Store.Delete(ctx, key, ref)
}

func (h *Store) note(until time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if until.After(h.last) {
		h.last = until
	}
}

// Until is the latest moment that an answer has named.
func (h *Store) Until() time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.last
}

func (h *Store) Create(ctx context.Context, c store.Claim) (store.Grant, error) {
	grant, err := h.Store.Create(ctx, c)
	h.note(grant.Until)
	return grant, err
}

func (h *Store) Renew(ctx context.Context, batch []store.Renewal) []store.RenewResult {
	h.count()
	answers := h.Store.Renew(ctx, batch)
	for _, a := range answers {
		h.note(a.Until)
	}
	return answers
}
