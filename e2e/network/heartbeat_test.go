package network_test

import (
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/leasehold-go/leasehold/e2e/internal/horizon"
	"github.com/leasehold-go/leasehold/e2e/network"
	"github.com/leasehold-go/leasehold/internal/full"
	"github.com/leasehold-go/leasehold/lease"
	"github.com/leasehold-go/leasehold/store"
)

// beats counts a keeper's confirmed and failed heartbeats.
type beats struct {
	mu             sync.Mutex
	confirmed, bad int
}

func (b *beats) on(beat lease.RenewAttempt) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if beat.Err == nil {
		b.confirmed++
	} else {
		b.bad++
	}
}

func (b *beats) counts() (confirmed, bad int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.confirmed, b.bad
}

func TestHeartbeatsWithLostRepliesAreRetriedWithinTheWindow(t *testing.T) {
	full.Only(t)
	t.Parallel()
	for name, c := range map[string]struct {
		fate  network.Fate
		times int
	}{
		"reply lost":   {network.LoseReply, 3},
		"request lost": {network.Cut, 3},
		"silence":      {network.Silence, 1}, // until the client gives the connection up
	} {
		t.Run(name, func(t *testing.T) {
			onEach(t, func(t *testing.T, l *line) {
				var b beats
				h := &horizon.Store{Store: l.far}
				held := l.acquire(l.keep(h, lease.Config{TTL: long, Heartbeat: time.Second, OnRenew: b.on}), "mine")
				first := h.Until()
				lost := l.On(network.ToServer, key, c.fate, -1) // a client may repeat by itself what did not arrive
				l.eventually("heartbeats fail", func() bool {
					_, bad := b.counts()
					return len(lost.Taken()) >= c.times && bad >= c.times
				})
				before, _ := b.counts()
				l.Heal()
				l.eventually("one is confirmed", func() bool { confirmed, _ := b.counts(); return confirmed > before })
				l.eventually("the trust grows", func() bool { return h.Until().After(first) })
				if !held.Valid() {
					t.Errorf("lost: %v", held.Err())
				}
				r, err := l.near.Get(t.Context(), key)
				if err != nil || r.Token != held.Token() {
					t.Errorf("the record: %+v, %v", r, err)
				}
			})
		})
	}
}

// A refused connection is no answer either: trouble passes, a term does not.
func TestShortOutageDoesNotEndATerm(t *testing.T) {
	full.Only(t)
	onEach(t, func(t *testing.T, l *line) {
		var b beats
		held := l.acquire(l.keep(l.far, lease.Config{TTL: 40 * time.Second, Heartbeat: 400 * time.Millisecond, OnRenew: b.on}), "mine")
		l.Refuse()
		l.Cut()
		l.eventually("heartbeats fail", func() bool { _, bad := b.counts(); return bad >= 3 })
		l.Heal()
		before, _ := b.counts()
		l.eventually("heartbeats are confirmed again", func() bool { now, _ := b.counts(); return now > before+1 })
		if !held.Valid() {
			t.Errorf("lost: %v", held.Err())
		}
	})
}

// On a frozen network a term ends by the local clocks, a margin before the server
// may drop the record. Nothing here depends on how fast the test runs: what is
// compared are instants at which the lease was still trusted.
func TestFrozenNetworkEndsTheTermBeforeTheRecord(t *testing.T) {
	full.Only(t)
	t.Parallel()
	const ttl = 3 * time.Second
	for name, directions := range map[string][]network.Direction{
		"both ways": {network.ToServer, network.ToClient},
		"requests":  {network.ToServer},
		"replies":   {network.ToClient},
	} {
		t.Run(name, func(t *testing.T) {
			onEach(t, func(t *testing.T, l *line) {
				h := &horizon.Store{Store: l.far}
				losses := make(chan *lease.LostError, 10)
				k := l.keep(h, lease.Config{TTL: ttl, Heartbeat: ttl / 3, OnLoss: func(e *lease.LostError) { losses <- e }})
				held := l.acquire(k, "mine")
				l.Freeze(directions...)
				start := time.Now()
				var trusted time.Time // the last instant at which it was
				for {
					now := time.Now()
					if !held.Valid() {
						break
					}
					if trusted = now; now.Sub(start) > patience {
						t.Fatal("trusted without end")
					}
					time.Sleep(time.Millisecond)
				}
				t.Logf("trusted for %v, until %v before the record may go", trusted.Sub(start), h.Until().Sub(trusted))
				if latest := h.Until().Add(-ttl / 100); trusted.After(latest) {
					t.Errorf("still trusted %v after the window had ended", trusted.Sub(latest))
				}
				l.checkLost(held, losses)
				before := h.Asked()

				// What was under way arrives now. The term stays over, and what comes late
				// does not touch a successor.
				l.Heal()
				l.untilGone()
				successor := l.acquire(l.keep(l.near, slow), "successor")
				l.want("an update after the loss", held.Update(t.Context(), []byte("late")), store.ErrLost)
				l.want("release after the loss", held.Release(t.Context()), nil)
				time.Sleep(ttl / 2) // longer than a heartbeat
				if n := h.Asked() - before; n > 0 {
					t.Errorf("%d writes after the loss", n)
				}
				if held.Valid() || !successor.Valid() {
					t.Errorf("the lost one is valid: %v; the successor: %v", held.Valid(), successor.Valid())
				}
				l.wantValue("in the end", "successor")
			})
		})
	}
}

// checkLost waits for all that tells of a loss by the clocks.
func (l *line) checkLost(held lease.Lease, losses <-chan *lease.LostError) {
	l.Helper()
	select {
	case <-held.Done():
	case <-time.After(patience):
		l.Fatal("Done is not closed")
	}
	lost := new(lease.LostError)
	if !errors.As(held.Err(), &lost) || !errors.Is(lost, lease.ErrExpired) {
		l.Errorf("the term ended with %v", held.Err())
	}
	select {
	case told := <-losses:
		if told != lost {
			l.Errorf("OnLoss was told %v, Err says %v", told, lost)
		}
	case <-time.After(patience):
		l.Error("OnLoss is not called")
	}
}
