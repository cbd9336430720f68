package network_test

import (
	"bytes"
	"context"
	"strings"
	"testing"

	"github.com/leasehold-go/leasehold/e2e/network"
	"github.com/leasehold-go/leasehold/fsm"
	"github.com/leasehold-go/leasehold/internal/full"
	"github.com/leasehold-go/leasehold/lease"
	"github.com/leasehold-go/leasehold/store"
)

// The ways to write a value.
var writers = map[string]func(context.Context, store.Store, store.Renewal) error{
	"update": func(ctx context.Context, st store.Store, w store.Renewal) error {
		return st.Update(ctx, store.Update(w))
	},
	"renew": func(ctx context.Context, st store.Store, w store.Renewal) error {
		return st.Renew(ctx, []store.Renewal{w})[0].Err
	},
}

func TestDelayedWriteIsRefusedByItsSequence(t *testing.T) {
	t.Parallel()
	for name, write := range writers {
		t.Run(name, func(t *testing.T) {
			onEach(t, func(t *testing.T, l *line) {
				grant := l.create(l.far, claim("first", long))
				w := func(seq uint64, value string) store.Renewal {
					return store.Renewal{Key: key, Token: grant.Token, Seq: seq, Value: []byte(value)}
				}
				kept := l.On(network.ToServer, "second", network.Cut, 1)
				l.want("a write that is lost", write(t.Context(), l.far, w(9, "second")), store.ErrInDoubt)
				l.wantValue("before it arrives", "first")
				l.want("the next write", l.far.Update(t.Context(), store.Update(w(10, "third"))), nil)

				l.late(l, l.taken(kept))
				l.wantValue("after it arrived late", "third")

				l.want("delete", l.far.Delete(t.Context(), key, store.ByToken(grant.Token)), nil)
				l.late(l, l.taken(kept))
				l.wantValue("after it arrived once more, on no record", "")
				l.create(l.near, claim("successor", long))
				l.late(l, l.taken(kept))
				l.wantValue("after it arrived once more, on a successor's record", "successor")
			})
		})
	}
}

func TestWriteThatArrivesTwiceIsOne(t *testing.T) {
	t.Parallel()
	for name, write := range writers {
		t.Run(name, func(t *testing.T) {
			onEach(t, func(t *testing.T, l *line) {
				grant := l.create(l.far, claim("first", long))
				w := store.Renewal{Key: key, Token: grant.Token, Seq: 1, Value: []byte("second")}
				l.On(network.ToServer, "second", network.LoseReply, 1)
				l.want("a write whose reply is lost", write(t.Context(), l.far, w), store.ErrInDoubt)
				l.wantValue("after it", "second")
				l.want("the same again", write(t.Context(), l.far, w), nil)
				l.wantValue("after the second", "second")
			})
		})
	}
}

// A lease numbers its writes, those included that settle a doubt, so that a value of
// which the caller was told nothing certain never comes back.
func TestLeaseOutrunsItsDelayedUpdate(t *testing.T) {
	onEach(t, func(t *testing.T, l *line) {
		held := l.acquire(l.keep(l.far, slow), "first")
		kept := l.On(network.ToServer, "second", network.Cut, 1)
		l.want("an update that is lost", held.Update(t.Context(), []byte("second")), store.ErrInDoubt)
		l.want("the next", held.Update(t.Context(), []byte("third")), nil)
		l.late(l, l.taken(kept))
		l.wantValue("after the lost one arrived", "third")
	})
}

// The heartbeat too: what settles a doubt must be newer than what is in doubt.
func TestHeartbeatOutrunsADelayedUpdate(t *testing.T) {
	full.Only(t)
	onEach(t, func(t *testing.T, l *line) {
		var b beats
		cfg := slow
		cfg.OnRenew = b.on
		held := l.acquire(l.keep(l.far, cfg), "first")
		kept := l.On(network.ToServer, "second", network.Cut, 1)
		l.want("an update that is lost", held.Update(t.Context(), []byte("second")), store.ErrInDoubt)
		l.eventually("a heartbeat is confirmed", func() bool { confirmed, _ := b.counts(); return confirmed > 0 })
		l.late(l, l.taken(kept))
		l.wantValue("after the lost one arrived", "first")
	})
}

func TestDeleteRetriedAfterASuccessorCameLeavesIt(t *testing.T) {
	t.Parallel()
	for name, term := range map[string]func(store.Claim, store.Grant) store.LeaseRef{
		"by token": func(_ store.Claim, g store.Grant) store.LeaseRef { return store.ByToken(g.Token) },
		"by nonce": func(c store.Claim, _ store.Grant) store.LeaseRef { return store.ByNonce(c.Nonce) },
	} {
		t.Run(name, func(t *testing.T) {
			onEach(t, func(t *testing.T, l *line) {
				c := claim("mine", long)
				mine := term(c, l.create(l.far, c))
				lost := l.On(network.ToServer, key, network.LoseReply, 1)
				if name == "by nonce" && l.settles {
					l.On(network.ToServer, l.nonce(c.Nonce), network.Pass, 1)
				}
				l.want("a delete whose reply is lost", l.far.Delete(t.Context(), key, mine), store.ErrInDoubt)
				l.wantValue("after it", "")
				successor := l.create(l.near, claim("successor", long))
				l.want("the delete again", l.far.Delete(t.Context(), key, mine), nil)
				l.late(l, l.taken(lost))
				l.wantValue("after both", "successor")
				renewed := l.near.Renew(t.Context(), []store.Renewal{{Key: key, Token: successor.Token}})[0]
				l.want("the successor's renew", renewed.Err, nil)
			})
		})
	}
}

func TestReleaseWithLostRepliesLeavesTheWaitingSuccessor(t *testing.T) {
	full.Only(t)
	onEach(t, func(t *testing.T, l *line) {
		held := l.acquire(l.keep(l.far, brisk), "mine")
		near := l.keep(l.near, slow)
		type result struct {
			held lease.Lease
			err  error
		}
		waited := make(chan result, 1)
		go func() {
			next, err := near.Acquire(t.Context(), key, []byte("successor"), lease.WithWait())
			waited <- result{next, err}
		}()
		// The release is repeated until its answer comes, by then under the successor.
		lost := l.On(network.ToServer, key, network.LoseReply, 2)
		released := make(chan error, 1)
		go func() { released <- held.Release(t.Context()) }()
		next := <-waited
		if next.err != nil {
			t.Fatal(next.err)
		}
		if err := <-released; err != nil {
			t.Errorf("release: %v", err)
		}
		if n := len(lost.Taken()); n != 2 {
			t.Errorf("%d replies lost, want 2", n)
		}
		for _, request := range lost.Taken() {
			l.late(l, request)
		}
		l.wantValue("after all of it", "successor")
		l.want("the successor's update", next.held.Update(t.Context(), []byte("still there")), nil)
	})
}

// What the machine publishes is its state in words that nothing else contains.
var traffic = fsm.MustDefine("red", fsm.Table[string]{
	"red": {"green"}, "green": {"yellow"}, "yellow": {"red"},
}, fsm.Encode(func(_ context.Context, s fsm.Snapshot[string]) ([]byte, error) {
	return []byte("light is " + s.State), nil
}))

// shows returns which states are written in requests, in order.
func shows(requests [][]byte) string {
	var all []string
	for _, r := range requests {
		if _, after, ok := bytes.Cut(r, []byte("light is ")); ok {
			word, _, _ := bytes.Cut(after, bytes.TrimLeft(after, "abcdefghijklmnopqrstuvwxyz"))
			all = append(all, string(word))
		}
	}
	return strings.Join(all, " ")
}

func TestTransitionInDoubtIsRestatedBeforeAnythingElse(t *testing.T) {
	t.Parallel()
	for name, fate := range map[string]network.Fate{"reply lost": network.LoseReply, "request lost": network.Cut} {
		t.Run(name, func(t *testing.T) {
			onEach(t, func(t *testing.T, l *line) {
				held := l.acquire(l.keep(l.far, slow), "light is red")
				m := fsm.New(traffic, fsm.WithWriter(held))
				seen := l.On(network.ToServer, "light is ", network.Pass, -1)
				lost := l.On(network.ToServer, "light is green", fate, 1)

				err := m.Transition(t.Context(), "green")
				l.want("the transition", err, store.ErrInDoubt)
				if m.State() != "red" || len(m.History()) != 0 {
					t.Errorf("the machine is in %s with history %v", m.State(), m.History())
				}
				if fate == network.LoseReply && l.value() == "light is red" && shows(seen.Taken()) == "" {
					t.Error("the write did not arrive: the test shows nothing")
				}
				l.want("the transition again", m.Transition(t.Context(), "green"), nil)
				l.wantValue("after it", "light is green")
				if got := shows(seen.Taken()); !strings.HasPrefix(got, "red ") || !strings.HasSuffix(got, " green") {
					t.Errorf("after the doubt were written: %s; want red first, then green", got)
				}
				l.late(l, l.taken(lost))
				l.want("on", m.Transition(t.Context(), "yellow"), nil)
				l.late(l, l.taken(lost))
				l.wantValue("after the late one", "light is yellow")
			})
		})
	}
}

func TestNothingIsAcceptedUntilTheDoubtIsSettled(t *testing.T) {
	full.Only(t)
	onEach(t, func(t *testing.T, l *line) {
		held := l.acquire(l.keep(l.far, slow), "light is red")
		m := fsm.New(traffic, fsm.WithWriter(held))
		lost := l.On(network.ToServer, "light is ", network.LoseReply, -1)
		l.want("the transition", m.Transition(t.Context(), "green"), store.ErrInDoubt)
		for range 3 {
			l.want("a transition while nothing can be settled", m.Transition(t.Context(), "green"), store.ErrUnavailable)
			if m.State() != "red" {
				t.Fatalf("the machine moved to %s", m.State())
			}
		}
		if got := shows(lost.Taken()); strings.Count(got, "green") != 1 || !strings.HasPrefix(got, "green red red") {
			t.Errorf("written: %s; want green once, and red after it", got)
		}
		l.Heal()
		l.eventually("the record is the machine's state again", func() bool { return l.value() == "light is red" })
		l.want("the transition on a sound network", m.Transition(t.Context(), "green"), nil)
		l.wantValue("after it", "light is "+m.State())
	})
}

// Nobody calls again: the heartbeat settles it.
func TestTransitionInDoubtIsSettledByTheHeartbeat(t *testing.T) {
	full.Only(t)
	onEach(t, func(t *testing.T, l *line) {
		held := l.acquire(l.keep(l.far, slow), "light is red")
		m := fsm.New(traffic, fsm.WithWriter(held))
		l.On(network.ToServer, "light is green", network.LoseReply, 1)
		l.want("the transition", m.Transition(t.Context(), "green"), store.ErrInDoubt)
		l.eventually("the record is the machine's state again", func() bool { return l.value() == "light is red" })
		if m.State() != "red" {
			t.Errorf("the machine is in %s", m.State())
		}
	})
}
