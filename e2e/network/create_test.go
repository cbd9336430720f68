package network_test

import (
	"bytes"
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/leasehold-go/leasehold/e2e/network"
	"github.com/leasehold-go/leasehold/internal/full"
	"github.com/leasehold-go/leasehold/lease"
	"github.com/leasehold-go/leasehold/store"
)

func TestCreateWhoseReplyWasLostIsOneTermWhenRepeated(t *testing.T) {
	full.Only(t)
	onEach(t, func(t *testing.T, l *line) {
		c := claim("mine", 16*time.Second)
		l.On(network.ToServer, l.nonce(c.Nonce), network.LoseReply, 1)
		_, err := l.far.Create(t.Context(), c)
		l.want("a create whose reply is lost", err, store.ErrInDoubt)
		made, err := l.near.Get(t.Context(), key)
		if err != nil {
			t.Fatalf("the create did not happen: %v", err)
		}
		time.Sleep(2500 * time.Millisecond) // so that a restored ttl can be seen
		_, before := l.servers.Outsider.Get(key)
		again := l.create(l.far, c)
		if again.Token != made.Token {
			t.Errorf("repeated, it has token %d; the record has %d", again.Token, made.Token)
		}
		if _, restored := l.servers.Outsider.Get(key); restored <= before {
			t.Errorf("the full ttl is not restored: %v before, %v after", before, restored)
		}
		if until := time.Until(again.Until); until > c.TTL {
			t.Errorf("trusted for %v, more than the ttl", until)
		}
		l.want("delete", l.far.Delete(t.Context(), key, store.ByToken(again.Token)), nil)
		l.wantValue("after the release", "")
	})
}

// Without the nonce the holder would be told that the key is held, by itself.
func TestAcquireSurvivesLostReplies(t *testing.T) {
	full.Only(t)
	onEach(t, func(t *testing.T, l *line) {
		k := l.keep(l.far, brisk)
		lost := l.On(network.ToServer, "mine", network.LoseReply, 2)
		held := l.acquire(k, "mine")
		if n := len(lost.Taken()); n != 2 {
			t.Fatalf("%d replies lost, want 2", n)
		}
		if !bytes.Equal(lost.Taken()[0], lost.Taken()[1]) {
			t.Error("the create was not repeated as it was")
		}
		r, err := l.near.Get(t.Context(), key)
		if err != nil || r.Token != held.Token() || !held.Valid() {
			t.Errorf("the record is %+v, %v; the lease has token %d", r, err, held.Token())
		}
		l.want("release", held.Release(t.Context()), nil)
		l.wantValue("after the release", "")
	})
}

// What Acquire could not be told of must not stay as a ghost, whether the create
// arrived, or will.
func TestCreateGivenUpLeavesNoGhost(t *testing.T) {
	t.Parallel()
	t.Run("every reply lost", func(t *testing.T) {
		onEach(t, func(t *testing.T, l *line) {
			k := l.keep(l.far, brisk)
			lost := l.On(network.ToServer, "mine", network.LoseReply, -1)
			_, err := k.Acquire(t.Context(), key, []byte("mine"))
			l.want("acquire", err, store.ErrInDoubt)
			l.eventually("the create is settled", func() bool { return l.value() == "" })
			for _, request := range lost.Taken() {
				l.late(l, request)
				l.wantValue("after a late duplicate", "")
			}
			l.acquire(l.keep(l.near, slow), "other")
		})
	})
	t.Run("arrives after its caller has left", func(t *testing.T) {
		onEach(t, func(t *testing.T, l *line) {
			k := l.keep(l.far, slow)
			l.warm(k)
			kept := l.On(network.ToServer, "mine", network.Pass, -1)
			l.Freeze(network.ToServer)
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			_, err := k.Acquire(ctx, key, []byte("mine"))
			l.want("acquire", err, store.ErrInDoubt)
			l.Heal() // the create arrives now, and the delete that settles it before or after
			if err := k.Close(t.Context()); err != nil {
				t.Fatal(err)
			}
			l.eventually("the create is settled", func() bool { return l.value() == "" })
			for _, request := range kept.Taken() {
				l.late(l, request)
				l.wantValue("after a late duplicate", "")
			}
			l.acquire(l.keep(l.near, slow), "other")
		})
	})
}

// warm has a keeper acquire another key, so that a create is one request from now on.
func (l *line) warm(k *lease.Keeper) {
	l.Helper()
	l.eventually("another key is acquired", func() bool { // a loaded server can take longer than one try
		_, err := k.Acquire(l.Context(), "warm", []byte("warm"))
		return err == nil
	})
}

// ends are the ways in which the term of a create ends.
var ends = map[string]func(*line, store.Claim, store.Grant){
	"released": func(l *line, _ store.Claim, g store.Grant) {
		l.want("delete", l.far.Delete(l.Context(), key, store.ByToken(g.Token)), nil)
	},
	"settled by its nonce": func(l *line, c store.Claim, _ store.Grant) {
		l.want("delete", l.far.Delete(l.Context(), key, store.ByNonce(c.Nonce)), nil)
	},
	"expired": func(l *line, _ store.Claim, _ store.Grant) { l.untilGone() },
}

func TestLateDuplicateOfACreateCreatesNothing(t *testing.T) {
	t.Parallel()
	for name, end := range ends {
		t.Run(name, func(t *testing.T) {
			onEach(t, func(t *testing.T, l *line) {
				ttl := long
				if name == "expired" {
					ttl = l.short
				}
				c := claim("mine", ttl)
				sent := l.On(network.ToServer, l.nonce(c.Nonce), network.Pass, 1)
				end(l, c, l.create(l.far, c))
				l.wantValue("at the end of the term", "")

				late := l.taken(sent)
				l.late(l, late)
				l.wantValue("after a late duplicate", "")

				successor := l.create(l.near, claim("successor", long))
				l.late(l, late)
				l.wantValue("after a late duplicate under a successor", "successor")

				l.want("delete", l.near.Delete(t.Context(), key, store.ByToken(successor.Token)), nil)
				l.late(l, late)
				l.wantValue("after a late duplicate after the successor", "")

				_, err := l.far.Create(t.Context(), c)
				l.want("the same create", err, store.ErrEnded)
			})
		})
	}
}

func TestSettledCreateThatArrivesOnlyThenCreatesNothing(t *testing.T) {
	onEach(t, func(t *testing.T, l *line) {
		c := claim("mine", long)
		kept := l.On(network.ToServer, "mine", network.Cut, 1)
		_, err := l.far.Create(t.Context(), c)
		l.want("a create that is lost", err, store.ErrInDoubt)
		l.wantValue("before it arrives", "")
		l.want("delete by nonce", l.far.Delete(t.Context(), key, store.ByNonce(c.Nonce)), nil)
		l.late(l, l.taken(kept))
		l.wantValue("after it arrived", "")
		l.create(l.near, claim("other", long))
	})
}

// The first copy of a create is lost on its way, and comes only after the lease that its
// second copy began has ended and many others have held the key.
func TestLateCopyOfARepeatedCreateCreatesNothing(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(*line, *lease.Keeper, lease.Lease) error{
		"released": func(_ *line, _ *lease.Keeper, held lease.Lease) error { return held.Release(context.Background()) },
		"closed":   func(_ *line, k *lease.Keeper, _ lease.Lease) error { return k.Close(context.Background()) },
		"lost": func(l *line, k *lease.Keeper, held lease.Lease) error {
			l.want("delete by another", l.near.Delete(context.Background(), key, store.ByToken(held.Token())), nil)
			<-held.Done()
			return k.Close(context.Background())
		},
	} {
		t.Run(name, func(t *testing.T) {
			onEach(t, func(t *testing.T, l *line) {
				k := l.keep(l.far, slow)
				l.warm(k)
				kept := l.On(network.ToServer, "mine", network.Cut, 1)
				held := l.acquire(k, "mine")
				l.want(name, end(l, k, held), nil)
				for range 20 {
					next := l.create(l.near, claim("another", long))
					l.want("delete of another", l.near.Delete(t.Context(), key, store.ByToken(next.Token)), nil)
				}
				l.late(l, l.taken(kept))
				l.wantValue("after the first copy", "")
			})
		})
	}
}

// Two thousand calls come and go on a held key while their creates are under way. Redis has
// room to settle only some of these at a time; the key is as free afterwards as any.
func TestManyCallersThatLeaveDuringTheirCreateBlockNoKey(t *testing.T) {
	full.Only(t)
	const callers = 2000
	onEach(t, func(t *testing.T, l *line) {
		holder := l.keep(l.near, slow)
		held := l.acquire(holder, "holder")
		k := l.keep(l.far, slow)
		l.warm(k)
		l.Delay(network.ToServer, 50*time.Millisecond)
		var doubts atomic.Int64
		var calls sync.WaitGroup
		for i := range callers {
			calls.Go(func() {
				time.Sleep(time.Duration(i) * time.Second / callers)
				ctx, cancel := context.WithTimeout(t.Context(), 60*time.Millisecond)
				defer cancel()
				if _, err := k.Acquire(ctx, key, []byte("caller")); errors.Is(err, store.ErrInDoubt) {
					doubts.Add(1)
				}
			})
		}
		calls.Wait()
		t.Logf("%d of %d creates in doubt", doubts.Load(), callers)
		l.Delay(network.ToServer, 0)
		k.Close(t.Context()) // which fails if there was no room
		l.wantValue("of the holder", "holder")
		l.want("release", held.Release(t.Context()), nil)
		for range 5 {
			l.want("release", l.acquire(holder, "next").Release(t.Context()), nil)
			c := claim("other", long)
			l.create(l.near, c)
			l.want("delete by nonce", l.near.Delete(t.Context(), key, store.ByNonce(c.Nonce)), nil)
		}
		l.wantValue("at the end", "")
	})
}

// The trust in a term counts from before its create was sent, so that time on the
// way there never makes it longer than the record's.
func TestTrustCountsFromBeforeTheRequest(t *testing.T) {
	full.Only(t)
	const held = 300 * time.Millisecond
	onEach(t, func(t *testing.T, l *line) {
		l.Delay(network.ToServer, held)
		grant := l.create(l.far, claim("mine", long))
		l.wantEarly("created", grant.Until, held)
		renewed := l.far.Renew(t.Context(), []store.Renewal{{Key: key, Token: grant.Token}})[0]
		if renewed.Err != nil {
			t.Fatal(renewed.Err)
		}
		l.wantEarly("renewed", renewed.Until, held)
	})
}

// wantEarly checks that a trust ends so long before the record. A time left that is cut
// off to seconds says when the record ends at the moment at which it changes.
func (l *line) wantEarly(when string, until time.Time, by time.Duration) {
	l.Helper()
	l.eventually(when+": the record is seen to live on for as long as the request took", func() bool {
		now := time.Now()
		_, left := l.servers.Outsider.Get(key)
		return now.Add(left).Sub(until) >= by-5*time.Millisecond
	})
}

func TestHalfClosedConnectionsAreDoneWithoutLoss(t *testing.T) {
	t.Parallel()
	for name, d := range map[string]network.Direction{"to the server": network.ToServer, "to the client": network.ToClient} {
		t.Run(name, func(t *testing.T) {
			onEach(t, func(t *testing.T, l *line) {
				held := l.acquire(l.keep(l.far, slow), "first")
				for i, want := range []string{"second", "third", "fourth"} {
					l.HalfClose(d)
					var err error
					l.eventually("a write succeeds", func() bool {
						err = held.Update(t.Context(), []byte(want))
						return err == nil || !errors.Is(err, store.ErrInDoubt) && !errors.Is(err, store.ErrUnavailable)
					})
					l.want("update", err, nil)
					l.wantValue("after it", want)
					if !held.Valid() {
						t.Fatalf("lost in round %d: %v", i, held.Err())
					}
				}
			})
		})
	}
}
