package network_test

import (
	"context"
	"testing"
	"time"

	"github.com/leasehold-go/leasehold/e2e/network"
	"github.com/leasehold-go/leasehold/lease"
	"github.com/leasehold-go/leasehold/store"
)

// onSuccessors is onEach for backends that hand keys over. Their servers know the scripts already.
func onSuccessors(t *testing.T, test func(*testing.T, *line, store.Successor)) {
	t.Helper()
	onEach(t, func(t *testing.T, l *line) {
		if far, hands := l.far.(store.Successor); hands {
			warm := claim("warm", long)
			warm.Key = "warm"
			if _, _, err := far.CreateNext(t.Context(), warm, func(store.Grant) {}); err != nil {
				t.Fatal(err)
			}
			test(t, l, far)
		}
	})
}

// The claim arrives only when it was settled, or for the second time then.
func TestASettledClaimThatWaitsIsNeverHandedTheKey(t *testing.T) {
	t.Parallel()
	for name, trouble := range map[string]network.Fate{"lost on its way": network.Cut, "reply lost": network.LoseReply} {
		t.Run(name, func(t *testing.T) {
			onSuccessors(t, func(t *testing.T, l *line, far store.Successor) {
				held := l.create(l.near, claim("holder", long))
				c := claim("mine", long)
				kept := l.On(network.ToServer, "mine", trouble, 1)
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				defer cancel()
				_, _, err := far.CreateNext(ctx, c, func(store.Grant) { t.Error("a settled claim was told that it has the key") })
				l.want("CreateNext without an answer", err, store.ErrInDoubt)
				l.want("delete by nonce", l.far.Delete(t.Context(), key, store.ByNonce(c.Nonce)), nil)
				l.late(l, l.taken(kept))
				l.want("delete of the holder", l.near.Delete(t.Context(), key, store.ByToken(held.Token)), nil)
				l.wantValue("after the holder", "")
				l.late(l, l.taken(kept))
				l.wantValue("after a late duplicate", "")
				l.create(l.near, claim("other", long))
			})
		})
	}
}

// The waiter learns from its next call what was handed over while its replies were lost.
func TestAClaimWhoseReplyWasLostIsHandedTheKeyOnce(t *testing.T) {
	onSuccessors(t, func(t *testing.T, l *line, far store.Successor) {
		held := l.create(l.near, claim("holder", long))
		c := claim("mine", long)
		lost := l.On(network.ToServer, "mine", network.LoseReply, 1)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, _, err := far.CreateNext(ctx, c, func(store.Grant) {})
		l.want("CreateNext without an answer", err, store.ErrInDoubt)
		l.want("delete of the holder", l.near.Delete(t.Context(), key, store.ByToken(held.Token)), nil)
		l.wantValue("after the holder", "mine")
		grant, next, err := far.CreateNext(t.Context(), c, func(store.Grant) {})
		l.want("CreateNext again", err, nil)
		if next || grant.Token <= held.Token {
			t.Errorf("token %d after %d, next %v", grant.Token, held.Token, next)
		}
		l.want("delete", l.far.Delete(t.Context(), key, store.ByToken(grant.Token)), nil)
		l.late(l, l.taken(lost))
		l.wantValue("after a late duplicate", "")
		other := l.create(l.near, claim("other", long))
		l.late(l, l.taken(lost))
		l.want("delete of another", l.near.Delete(t.Context(), key, store.ByToken(other.Token)), nil)
		l.wantValue("after a late duplicate under another", "")
	})
}

// What a waiter could not be told of must not get the key when the waiter has left.
func TestAWaiterThatLeavesInDoubtGetsNoKey(t *testing.T) {
	onEach(t, func(t *testing.T, l *line) {
		held := l.acquire(l.keep(l.near, slow), "holder")
		k := l.keep(l.far, brisk)
		l.warm(k)
		lost := l.On(network.ToServer, "mine", network.LoseReply, -1)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := k.Acquire(ctx, key, []byte("mine"), lease.WithWait()); err == nil {
			t.Fatal("a waiter holds a key that is held")
		}
		l.Heal()
		l.want("close", k.Close(t.Context()), nil) // once all is settled
		l.want("release", held.Release(t.Context()), nil)
		l.wantValue("after the holder", "")
		for _, request := range lost.Taken() {
			l.late(l, request)
			l.wantValue("after a late duplicate", "")
		}
	})
}
