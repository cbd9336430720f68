// Package keepers adds up the figures of several keepers.
package keepers

import (
	"slices"
	"sync"
	"time"
	"weak"

	"github.com/leasehold-go/leasehold/lease"
)

// Set is a set of keepers, which it does not keep alive. Its zero value is empty. Its methods may be
// called from any number of goroutines.
type Set struct {
	mu      sync.Mutex
	keepers []weak.Pointer[lease.Keeper]
}

// Add puts a keeper into the set.
func (s *Set) Add(k *lease.Keeper) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.keepers = append(s.keepers, weak.Make(k))
}

// Stats returns the figures of all keepers that are still in use, and their shortest TTL, which is 0
// without a keeper.
func (s *Set) Stats() (all lease.Stats, ttl time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.keepers = slices.DeleteFunc(s.keepers, func(p weak.Pointer[lease.Keeper]) bool {
		k := p.Value()
		if k == nil {
			return true
		}
		if ttl == 0 || k.TTL() < ttl {
			ttl = k.TTL()
		}
		one := k.Stats()
		if one.Held > 0 && (all.Held == 0 || one.TrustLeft < all.TrustLeft) {
			all.TrustLeft = one.TrustLeft
		}
		all.Held += one.Held
		all.Waiting += one.Waiting
		return false
	})
	return all, ttl
}
