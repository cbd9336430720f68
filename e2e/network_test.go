package e2e_test

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/leasehold-go/leasehold/store"
)

// network stands between clients and a store. It loses replies, and it keeps
// requests for a while after their caller was told that the outcome is in doubt.
type network struct {
	store.Store
	late sync.WaitGroup // requests that are still under way
}

// fate is what happens to a request.
type fate int

const (
	arrives fate = iota
	replyLost
	delayed
)

func drawFate() fate {
	switch n := rand.IntN(10); {
	case n < 6:
		return arrives
	case n < 8:
		return replyLost
	}
	return delayed
}

// pass lets a request meet its fate. It reports whether the caller has the answer,
// and whether the request may still arrive.
func (n *network) pass(call func()) (answered, late bool) {
	switch drawFate() {
	case arrives:
		call()
		return true, false
	case replyLost:
		call()
		return false, false
	}
	n.late.Go(func() {
		time.Sleep(rand.N(3 * time.Millisecond))
		call()
	})
	return false, true
}

// create sends a create until it is answered. It reports whether one of the
// requests may still arrive.
func (n *network) create(ctx context.Context, c store.Claim) (grant store.Grant, late bool, err error) {
	for {
		var g store.Grant
		var e error
		answered, kept := n.pass(func() { g, e = n.Store.Create(ctx, c) })
		late = late || kept
		if answered {
			return g, late, e
		}
	}
}

// createNext sends the claim of a caller that waits until it is answered. It reports whether one of the
// requests was not, and may have arrived or arrive yet.
func (n *network) createNext(ctx context.Context, c store.Claim) (grant store.Grant, next, doubt bool, err error) {
	for {
		var g store.Grant
		var is bool
		var e error
		answered, _ := n.pass(func() { g, is, e = n.Store.(store.Successor).CreateNext(ctx, c, func(store.Grant) {}) })
		if answered {
			return g, is, doubt, e
		}
		doubt = true
	}
}

// until sends a call until it is answered.
func (n *network) until(call func() error) error {
	for {
		var err error
		if answered, _ := n.pass(func() { err = call() }); answered {
			return err
		}
	}
}
