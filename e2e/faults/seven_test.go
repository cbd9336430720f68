package faults_test

import (
	"encoding/json"
	"errors"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/leasehold-go/leasehold/fsm"
	"github.com/leasehold-go/leasehold/internal/full"
	"github.com/leasehold-go/leasehold/lease"
	"github.com/leasehold-go/leasehold/registry"
	"github.com/leasehold-go/leasehold/store"
)

// Each fault has two tests: Old… does the harm and fails if it does not come about;
// the other puts ours into the same situation.

func TestOldHeartbeatAfterAPauseOverwritesASuccessor(t *testing.T) {
	full.Only(t)
	onEach(t, func(p *place) {
		paused, successor := p.old("a", p.short), p.old("b", long)
		p.want("claim", paused.claim(), nil)
		p.untilGone() // it is paused for longer than its ttl
		p.want("the successor's claim", successor.claim(), nil)
		if !paused.heartbeat() || !paused.holds() || successor.holds() {
			p.Error("no harm: the successor still holds the key")
		}
		if !successor.heartbeat() {
			p.Error("no harm: the successor has noticed")
		}
	})
}

func TestHeartbeatAfterAPauseLeavesASuccessor(t *testing.T) {
	full.Only(t)
	onEach(t, func(p *place) {
		s := newSleeper(p.open())
		value := func(time.Time) ([]byte, error) { return []byte("late"), nil }
		s.sleep()
		paused := p.acquire(p.keep(s, lease.Config{TTL: 2 * p.short}), "mine", lease.WithHeartbeatValue(value, nil))
		p.eventually("a heartbeat is on its way", func() bool { return s.waiting() > 0 })
		p.untilGone()
		successor := p.acquire(p.keep(p.open(), calm), "successor")
		was := p.snapshot()
		if paused.Valid() {
			p.Error("still trusted while another holds the key")
		}
		s.wake()
		p.want("the reason of the loss", p.ended(paused), store.ErrLost)
		p.eventually("the late heartbeat is answered", s.idle)
		p.want("an update", paused.Update(p.Context(), []byte("late")), store.ErrLost)
		p.wantUntouched("after the heartbeat", was)
		if !successor.Valid() || successor.Token() <= paused.Token() {
			p.Errorf("successor: %v, token %d after %d", successor.Err(), successor.Token(), paused.Token())
		}
		for _, w := range []store.Renewal{
			{Key: key, Token: paused.Token()},
			{Key: key, Token: paused.Token(), Seq: 9, Value: []byte("late")},
		} {
			p.want("a bare renew", p.open().Renew(p.Context(), []store.Renewal{w})[0].Err, store.ErrLost)
		}
		p.want("a bare update", p.open().Update(p.Context(), store.Update{Key: key, Token: paused.Token(), Seq: 9, Value: []byte("late")}), store.ErrLost)
		p.wantUntouched("after bare writes", was)
	})
}

func TestOldHeartbeatOnAMissingKeyStealsIt(t *testing.T) {
	full.Only(t)
	onEach(t, func(p *place) {
		paused, successor := p.old("a", p.short), p.old("b", long)
		p.want("claim", paused.claim(), nil)
		p.untilGone()
		if !paused.missing() {
			p.Fatal("the key is there")
		}
		p.want("the successor's claim", successor.claim(), nil) // between the look and the act
		paused.restore()
		if !paused.holds() || successor.holds() {
			p.Error("no harm: the successor still holds the key")
		}
	})
}

func TestHeartbeatOnAMissingKeyMakesNone(t *testing.T) {
	full.Only(t)
	onEach(t, func(p *place) {
		st := p.open()
		for how, end := range map[string]func(){"expired": p.untilGone, "deleted": func() { p.Del(key) }} {
			ttl := long
			if how == "expired" {
				ttl = p.short
			}
			token := p.create(st, "mine", ttl).Token
			end()
			for _, w := range []store.Renewal{{Key: key, Token: token}, {Key: key, Token: token, Seq: 1, Value: []byte("late")}} {
				p.want(how+": renew", st.Renew(p.Context(), []store.Renewal{w})[0].Err, store.ErrLost)
				p.wantValue(how, "")
			}
			successor := p.create(st, "successor", long)
			p.want("renew under a successor", st.Renew(p.Context(), []store.Renewal{{Key: key, Token: token, Seq: 2, Value: []byte("late")}})[0].Err, store.ErrLost)
			p.wantValue("under a successor", "successor")
			p.want("delete", st.Delete(p.Context(), key, store.ByToken(successor.Token)), nil)
		}
		// A keeper gives up, and makes nothing either.
		held := p.acquire(p.keep(st, beating), "mine")
		p.Del(key)
		p.want("the reason of the loss", p.ended(held), store.ErrLost)
		p.wantValue("after the loss", "")
	})
}

func TestOldUpdateOfAnExpiredKeyLeavesAGhost(t *testing.T) {
	full.Only(t)
	onEach(t, func(p *place) {
		paused := p.old("a", p.short)
		p.want("claim", paused.claim(), nil)
		p.untilGone()
		p.want("transition", paused.transition("active"), nil)
		_, left, ok := p.Get(key)
		if !ok || left != store.Forever {
			p.Errorf("no harm: %v left, %v", left, ok)
		}
		if err := p.old("b", long).claim(); err == nil {
			p.Error("no harm: another can have the key")
		}
	})
}

func TestUpdateOfAnExpiredKeyMakesNone(t *testing.T) {
	full.Only(t)
	onEach(t, func(p *place) {
		s := newSleeper(p.open())
		held := p.acquire(p.keep(s, lease.Config{TTL: 2 * p.short}), "mine")
		s.sleep()
		late := make(chan error, 1)
		go func() { late <- held.Update(p.Context(), []byte("late")) }()
		p.eventually("an update is on its way", func() bool { return s.waiting() > 0 })
		p.untilGone()
		s.wake()
		if err := <-late; !errors.Is(err, store.ErrLost) {
			p.Errorf("update: %v", err)
		}
		p.eventually("everything is answered", s.idle)
		p.wantValue("after the late update", "")
		p.want("a bare update", p.open().Update(p.Context(), store.Update{Key: key, Token: held.Token(), Seq: 9, Value: []byte("late")}), store.ErrLost)
		p.wantValue("after a bare update", "")

		// And no write of ours leaves a record without a time to live.
		next := p.acquire(p.keep(p.open(), beating), "next")
		for range 10 {
			p.want("update", next.Update(p.Context(), []byte("next")), nil)
			if _, left, ok := p.Get(key); !ok || left <= 0 || left > long+time.Second {
				p.Errorf("%v left, %v", left, ok)
			}
		}
	})
}

func TestOldStopRemovesASuccessorsClaim(t *testing.T) {
	full.Only(t)
	onEach(t, func(p *place) {
		paused, successor, third := p.old("a", p.short), p.old("b", long), p.old("c", long)
		p.want("claim", paused.claim(), nil)
		p.untilGone()
		p.want("the successor's claim", successor.claim(), nil)
		paused.stop()
		p.wantValue("no harm", "")
		p.want("the third claim, while the successor works on", third.claim(), nil)
	})
}

func TestReleaseLeavesASuccessorsClaim(t *testing.T) {
	full.Only(t)
	onEach(t, func(p *place) {
		s := newSleeper(p.open())
		s.sleep()
		paused := p.acquire(p.keep(s, lease.Config{TTL: 2 * p.short}), "mine")
		released := make(chan error, 1)
		go func() { released <- paused.Release(p.Context()) }()
		p.eventually("a delete is on its way", func() bool { return s.waiting() > 0 })
		p.untilGone()
		successor := p.acquire(p.keep(p.open(), calm), "successor")
		was := p.snapshot()
		s.wake()
		p.want("the late release", <-released, nil)
		p.want("release again", paused.Release(p.Context()), nil)
		p.wantUntouched("after the release", was)

		c := claim("gone", long)
		for what, term := range map[string]store.LeaseRef{"token": store.ByToken(paused.Token()), "nonce": store.ByNonce(c.Nonce)} {
			p.want("a bare delete by "+what, p.open().Delete(p.Context(), key, term), nil)
			p.wantUntouched("after it", was)
		}
		_, err := p.open().Create(p.Context(), claim("third", long))
		p.want("a third create", err, store.ErrHeld)
		p.want("the successor's update", successor.Update(p.Context(), []byte("still there")), nil)
	})
}

func TestOldSameHostnameLetsTwoHold(t *testing.T) {
	onEach(t, func(p *place) {
		one, two := p.old("host-a", long), p.old("host-a", long)
		p.want("claim", one.claim(), nil)
		p.want("the claim of a live neighbour", two.claim(), nil)
		if !one.holds() || !two.holds() || !one.heartbeat() || !two.heartbeat() {
			p.Error("no harm: only one holds the key")
		}
	})
}

func TestSameHostnameIsNoClaim(t *testing.T) {
	full.Only(t)
	onEach(t, func(p *place) {
		cfg := config("host-a")
		cfg.Instance = "same-name"
		one := p.register(p.keep(p.open(), beating), cfg)
		for name, reclaim := range map[string]registry.Reclaim{"never": registry.ReclaimNever, "dead": registry.ReclaimDead} {
			cfg.Reclaim = reclaim
			_, err := registry.Register(p.Context(), p.keep(p.open(), calm), lifecycle, cfg)
			conflict := new(registry.ConflictError)
			if !errors.As(err, &conflict) || conflict.Host != "host-a" || conflict.Token != one.Lease().Token() {
				p.Errorf("reclaim %s: %v", name, err)
			}
			p.want("the holder's update", one.RecordError(p.Context(), nil), nil)
		}
		// What takes the key on purpose ends the other's term, at its next write.
		cfg.Reclaim = registry.ReclaimName
		two := p.register(p.keep(p.open(), beating), cfg)
		p.want("the reason of the loss", p.ended(one.Lease()), store.ErrLost)
		p.want("the new holder's update", two.RecordError(p.Context(), nil), nil)
		if two.Lease().Token() <= one.Lease().Token() {
			p.Error("the token did not grow")
		}
	})
}

func TestOldStateMovesBeforeAWriteThatFails(t *testing.T) {
	onEach(t, func(p *place) {
		o := p.old("a", long)
		p.want("claim", o.claim(), nil)
		o.broken = true
		p.want("transition", o.transition("active"), errBroken)
		if o.state == o.read().State {
			p.Errorf("no harm: memory and store are both %s", o.state)
		}
		o.heartbeat()
		if o.read().State != "active" {
			p.Error("no harm: the heartbeat did not publish what had failed")
		}
	})
}

func TestStateStaysWhenAWriteFails(t *testing.T) {
	onEach(t, func(p *place) {
		s := newSleeper(p.open())
		confirmed := make(chan struct{}, 100)
		cfg := beating
		cfg.OnRenew = func(b lease.RenewAttempt) {
			if b.Err == nil {
				select {
				case confirmed <- struct{}{}:
				default:
				}
			}
		}
		i := p.register(p.keep(s, cfg), config("host-a"))
		s.refuse()
		err := i.Transition(p.Context(), "starting")
		p.want("transition", err, errBroken)
		p.want("transition", err, store.ErrUnavailable)
		for len(confirmed) > 0 {
			<-confirmed
		}
		for range 3 {
			<-confirmed
			var r record
			v, _, _ := p.Get(key)
			p.want("the record", json.Unmarshal([]byte(v), &r), nil)
			if i.State() != "idle" || r.State != "idle" || i.Status().State != "idle" {
				p.Errorf("memory %s, store %s, status %s; want all idle", i.State(), r.State, i.Status().State)
			}
			if h := i.Machine().History(); len(h) != 0 || strings.Contains(v, "starting") {
				p.Errorf("history %v, record %s", h, v)
			}
		}
		refused := new(fsm.TransitionError[string])
		if !errors.As(err, &refused) || refused.Moved {
			p.Errorf("%#v", err)
		}
	})
}

func TestOldConflictHasNoSince(t *testing.T) {
	onEach(t, func(p *place) {
		p.want("claim", p.old("a", long).claim(), nil)
		if err := p.old("b", long).claim(); err == nil || !strings.HasSuffix(err.Error(), "since ") {
			p.Errorf("no harm: %v", err)
		}
	})
}

func TestConflictSaysSinceWhenWhateverTheState(t *testing.T) {
	onEach(t, func(p *place) {
		before := time.Now().Add(-time.Second)
		one := p.register(p.keep(p.open(), calm), config("host-a"))
		for _, state := range []string{"idle", "starting", "active"} {
			if state != "idle" {
				p.want("transition", one.Transition(p.Context(), state), nil)
			}
			_, err := registry.Register(p.Context(), p.keep(p.open(), calm), lifecycle, config("host-b"))
			conflict := new(registry.ConflictError)
			if !errors.As(err, &conflict) {
				p.Fatalf("%s: %v", state, err)
			}
			if since := conflict.Registered; since.Before(before) || since.After(time.Now()) || !since.Equal(one.Status().Registered) {
				p.Errorf("%s: since %v, registered %v", state, since, one.Status().Registered)
			}
			form := `^"exchange:1:status" is held by [0-9a-f]+ on host-a( \(10\.0\.0\.7\))? since 20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ, \d+s left$`
			if !regexp.MustCompile(form).MatchString(err.Error()) {
				p.Errorf("%s: %q is not of the form %s", state, err, form)
			}
		}
	})
}
