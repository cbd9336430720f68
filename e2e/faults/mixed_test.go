package faults_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/leasehold-go/leasehold/e2e/internal/answered"
	"github.com/leasehold-go/leasehold/internal/full"
	"github.com/leasehold-go/leasehold/lease"
	"github.com/leasehold-go/leasehold/registry"
	"github.com/leasehold-go/leasehold/store"
)

// wantForeign fails the test unless err says that another program has the key, and
// shows what it put there.
func (p *place) wantForeign(what string, err error, value string) {
	p.Helper()
	foreign := new(store.ForeignError)
	if !errors.As(err, &foreign) || !errors.Is(err, store.ErrForeign) {
		p.Errorf("%s: got %v, want a *store.ForeignError", what, err)
		return
	}
	if r := foreign.Record; r.Key != key || string(r.Value) != value || r.Token != 0 {
		p.Errorf("%s: it shows %+v, there is %q", what, r, value)
	}
}

func TestOursLeavesAKeyThatTheirsHolds(t *testing.T) {
	for name, ttl := range map[string]time.Duration{"with a ttl": long, "a ghost": 0} {
		t.Run(name, func(t *testing.T) {
			onEach(t, func(p *place) {
				old := p.old("host-a", ttl)
				p.want("their claim", old.claim(), nil)
				was := p.snapshot()
				ctx, cancel := context.WithTimeout(p.Context(), patience) // none is to wait
				defer cancel()
				st := p.open()
				k := p.keep(st, calm)
				// Waiting too: who knows when another protocol lets go.
				for what, acquire := range map[string]func() error{
					"Create":            func() error { _, err := st.Create(ctx, claim("ours", long)); return err },
					"Acquire":           func() error { _, err := k.Acquire(ctx, key, []byte("ours")); return err },
					"Acquire with Wait": func() error { _, err := k.Acquire(ctx, key, []byte("ours"), lease.WithWait()); return err },
				} {
					p.wantForeign(what, acquire(), was.value)
				}
				for _, wait := range []bool{false, true} {
					for _, reclaim := range []registry.Reclaim{registry.ReclaimNever, registry.ReclaimDead, registry.ReclaimName} {
						cfg := config("host-a") // the same name is no claim
						cfg.Wait, cfg.Reclaim = wait, reclaim
						_, err := registry.Register(ctx, k, lifecycle, cfg)
						p.wantForeign(fmt.Sprintf("Register, wait %v, reclaim %d", wait, reclaim), err, was.value)
					}
				}
				for what, term := range map[string]store.LeaseRef{"token": store.ByToken(1), "nonce": store.ByNonce(store.NewNonce())} {
					p.want("Delete by "+what, st.Delete(p.Context(), key, term), nil)
				}
				p.wantUntouched("after all attempts", was)
				r, err := st.Get(p.Context(), key)
				if err != nil || !r.Foreign() || string(r.Value) != was.value {
					p.Errorf("Get: %+v, %v", r, err)
				}
				e, err := registry.Get[record](p.Context(), st, key)
				if err != nil || !e.Foreign() || e.Published || e.Payload != (record{"host-a", "idle"}) {
					p.Errorf("registry.Get: %+v, %v", e, err)
				}

				old.stop()
				i := p.register(k, config("host-b"))
				p.want("once it is free", i.Transition(p.Context(), "starting"), nil)
			})
		})
	}
}

// An old program tells nobody of what it does. A waiter finds it when the record that
// it waits for would have ended.
func TestWaiterSaysForeignWhenTheirsTookTheKeyMeanwhile(t *testing.T) {
	full.Only(t)
	onEach(t, func(p *place) {
		p.register(p.keep(p.open(), lease.Config{TTL: 2 * p.short}), config("host-a"))
		waited := make(chan error, 1)
		k := p.keep(p.open(), calm)
		go func() {
			_, err := k.Acquire(p.Context(), key, []byte("ours"), lease.WithWait())
			waited <- err
		}()
		time.Sleep(100 * time.Millisecond) // it waits by now; if not, it finds theirs at once
		p.old("host-b", long).restore()
		was := p.snapshot()
		select {
		case err := <-waited:
			p.wantForeign("the waiter", err, was.value)
		case <-time.After(patience):
			p.Fatal("it still waits")
		}
		p.wantUntouched("after the wait", was)
	})
}

// The ways in which theirs gets at a key that ours holds.
var takings = map[string]struct {
	take func(p *place)
	gone bool // afterwards there is nothing
}{
	"SET":               {func(p *place) { p.Set(key, "theirs", 0) }, false},
	"SET EX":            {func(p *place) { p.Set(key, "theirs", 30*time.Second) }, false},
	"SET EX of our ttl": {func(p *place) { p.Set(key, "theirs", long) }, false},
	"SET XX EX":         {func(p *place) { p.SetXX(key, "theirs", long) }, false},
	"SET KEEPTTL":       {func(p *place) { p.SetKeepTTL(key, "theirs") }, false},
	"DEL, SET NX EX":    {func(p *place) { p.Del(key); p.SetNX(key, "theirs", long) }, false},
	"PERSIST":           {func(p *place) { p.Expire(key, 0) }, false},
	"DEL":               {func(p *place) { p.Del(key) }, true},
}

func TestHolderWhoseKeyTheirsTookGivesUp(t *testing.T) {
	for name, c := range takings {
		// Who finds out: the heartbeat, with a value and without; or the next write.
		for _, finder := range []string{"heartbeat", "bare heartbeat", "transition", "release"} {
			t.Run(name+"/"+finder, func(t *testing.T) {
				onEach(t, func(p *place) {
					cfg := lease.Config{TTL: long, Heartbeat: long / 2}
					if finder == "heartbeat" || finder == "bare heartbeat" {
						cfg = beating
					}
					losses := make(chan *lease.LostError, 10)
					cfg.OnLoss = func(e *lease.LostError) { losses <- e }
					ours := config("host-a")
					ours.LivenessOnly = finder == "bare heartbeat"
					ours.PublicIP = func(context.Context) (ip netip.Addr, err error) { return ip, errBroken } // writes nothing beside
					st := newSleeper(p.open())
					i := p.register(p.keep(st, cfg), ours)
					p.quiet(st)
					c.take(p)
					was := p.snapshot()
					st.wake()
					condition := store.ErrForeign
					if c.gone {
						condition = store.ErrLost
					}
					switch finder {
					case "transition":
						err := i.Transition(p.Context(), "starting")
						p.want("transition", err, condition)
						if i.State() != "idle" || i.Lease().Valid() { // no heartbeat comes to say it
							p.Errorf("it is in %s, and trusted: %v", i.State(), i.Lease().Valid())
						}
					case "release":
						p.want("release", i.Deregister(p.Context()), nil)
						p.wantUntouched("after the release", was)
						return
					}
					err := p.ended(i.Lease())
					p.want("the reason of the loss", err, condition)
					p.want("the reason of the loss", err, store.ErrLost)
					if !c.gone {
						p.wantForeign("the loss", err, was.value)
					}
					if told := <-losses; !errors.Is(told, condition) {
						p.Errorf("OnLoss was told %v", told)
					}
					p.want("a write after it", i.Update(p.Context(), func(*record) {}), store.ErrLost)
					p.want("a transition after it", i.Transition(p.Context(), "starting"), store.ErrLost)
					p.want("the release after it", i.Deregister(p.Context()), nil)
					p.wantUntouched("in the end", was)
				})
			})
		}
	}
}

// A backend that knows its records by their bytes keeps the lease, and the next renew restores
// its TTL. For another the record is foreign.
func TestHolderWhoseExpiryTheirsChanged(t *testing.T) {
	for name, ttl := range map[string]time.Duration{"longer": 10 * time.Minute, "shorter": long / 2} {
		t.Run(name, func(t *testing.T) {
			onEach(t, func(p *place) {
				st := p.open()
				grant := p.create(st, "ours", long)
				p.Expire(key, ttl)
				was := p.snapshot()
				foreign := p.foreign(st)
				err := st.Renew(p.Context(), []store.Renewal{{Key: key, Token: grant.Token}})[0].Err
				if foreign {
					p.wantForeign("renew", err, was.value)
					p.wantUntouched("after the renew", was)
					return
				}
				p.want("renew", err, nil)
				if value, left, _ := p.Get(key); value != "ours" || left <= long*2/3 || left > long+time.Second {
					p.Errorf("after the renew %q with %v left", value, left)
				}
				p.want("delete", st.Delete(p.Context(), key, store.ByToken(grant.Token)), nil)
				p.wantValue("after the delete", "")
			})
		})
	}
}

// foreign reports whether a store takes what is under the key for another program's. It does
// so too if there is nothing any more.
func (p *place) foreign(st store.Store) bool {
	p.Helper()
	r, err := answered.Acquire(p.Context(), func() (store.Record, error) { return st.Get(p.Context(), key) })
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		p.Fatal(err)
	}
	return err != nil || r.Foreign()
}

// quiet holds the writes of a store up, so that none comes between a taking and what
// is noted of it. Those under way are answered first.
func (p *place) quiet(s *sleeper) {
	p.Helper()
	s.sleep()
	p.eventually("every write is answered", s.idle)
}

func TestOldHeartbeatOverOursEndsOurs(t *testing.T) {
	full.Only(t)
	onEach(t, func(p *place) {
		i := p.register(p.keep(p.open(), beating), config("host-a"))
		old := p.old("host-b", long)
		if err := old.claim(); err == nil {
			p.Fatal("an old program took a key that ours holds")
		}
		if !old.heartbeat() { // as one does that was paused and thinks that it holds
			p.Fatal("the heartbeat found nothing")
		}
		was := p.snapshot()
		p.wantForeign("the loss", p.ended(i.Lease()), was.value)
		p.wantUntouched("after the loss", was)
		for range 3 {
			old.heartbeat()
			_, err := p.keep(p.open(), calm).Acquire(p.Context(), key, []byte("ours"))
			p.wantForeign("acquire", err, was.value)
		}
		old.stop()
		p.register(p.keep(p.open(), beating), config("host-a"))
	})
}

// An old program that puts our own words back after our time, as a backup or a copy
// does. Only the deadline tells.
func TestOurWordsFromAnotherHandAreForeign(t *testing.T) {
	full.Only(t)
	onEach(t, func(p *place) {
		st := p.open()
		p.eventually("theirs lives until ours was refused", func() bool {
			token := p.create(st, "ours", p.short).Token
			p.untilGone()
			began := time.Now()
			p.SetNX(key, "ours", 600*time.Millisecond) // ends within a second of our deadline
			was := p.snapshot()
			renewed := st.Renew(p.Context(), []store.Renewal{{Key: key, Token: token}})[0]
			deleted := st.Delete(p.Context(), key, store.ByToken(token))
			now := p.snapshot()
			if now != was && time.Since(began) >= 600*time.Millisecond {
				return false // it expired first
			}
			p.want("renew", renewed.Err, store.ErrForeign)
			p.want("delete", deleted, nil)
			if now != was {
				p.Errorf("what another put there changed from %+v to %+v", was, now)
			}
			return true
		})
	})
}

func TestWhatOldProgramsSeeOfOurs(t *testing.T) {
	full.Only(t)
	onEach(t, func(p *place) {
		s := newSleeper(p.open())
		k := p.keep(s, calm)
		i := p.register(k, config("host-a"))
		for _, state := range []string{"idle", "starting", "active"} {
			if state != "idle" {
				p.want("transition", i.Transition(p.Context(), state), nil)
			}
			v, left, ok := p.Get(key)
			var fields map[string]any
			if err := json.Unmarshal([]byte(v), &fields); !ok || err != nil {
				p.Fatalf("a plain GET gives %q: %v", v, err)
			}
			if fields["hostname"] != "host-a" || fields["connection_state"] != state {
				p.Errorf("a dashboard reads %v in state %s", fields, state)
			}
			if left <= 0 || left > k.TTL()+time.Second {
				p.Errorf("a dashboard sees %v left of %v", left, k.TTL())
			}
			old := p.old("host-b", long)
			if r := old.read(); r.Hostname != "host-a" || r.State != state {
				p.Errorf("an old program reads %+v", r)
			}
			if err := old.claim(); err == nil {
				p.Fatalf("an old program took the key in state %s", state)
			}
		}
		// Released, it is free for theirs at once.
		p.want("deregister", i.Deregister(p.Context()), nil)
		p.want("their claim", p.old("host-b", long).claim(), nil)
		p.Del(key)
		// Dead, it is free for theirs after the ttl; ours, should it live, takes note.
		i = p.register(p.keep(s, lease.Config{TTL: 2 * p.short}), config("host-a"))
		s.sleep()
		p.untilGone()
		if i.Lease().Valid() {
			p.Error("trusted after the record was gone")
		}
		old := p.old("host-b", long)
		p.want("their claim", old.claim(), nil)
		was := p.snapshot()
		s.wake()
		p.want("the reason of the loss", p.ended(i.Lease()), store.ErrLost)
		p.want("release", i.Deregister(p.Context()), nil)
		p.wantUntouched("after the late writes", was)
	})
}

// Old programs that keep to their own rules, and ours, take turns at one key. An old
// one that holds must find its own words there every time it looks.
func TestMixedFleetTakesTurns(t *testing.T) {
	full.Only(t)
	const each, programs, limit = 25, 3, 5 * time.Minute
	onEach(t, func(p *place) {
		var holders atomic.Int32
		var turns [2]atomic.Int32
		enter := func(kind int) {
			if n := holders.Add(1); n != 1 {
				p.Errorf("%d hold the key", n)
			}
			turns[kind].Add(1)
		}
		ctx, cancel := context.WithTimeout(p.Context(), limit)
		defer cancel()
		var all sync.WaitGroup
		for n := range programs {
			old := p.old(fmt.Sprintf("old-%d", n), long)
			all.Go(func() {
				for done := 0; done < each && ctx.Err() == nil; {
					if old.claim() != nil {
						time.Sleep(time.Millisecond)
						continue
					}
					enter(0)
					for range 5 {
						if !old.holds() || !old.heartbeat() || !old.holds() {
							p.Errorf("%s holds the key and reads %+v", old.host, old.read())
						}
					}
					holders.Add(-1)
					old.stop()
					done++
				}
			})
			k := p.keep(p.open(), calm)
			all.Go(func() {
				for done := 0; done < each && ctx.Err() == nil; {
					held, err := k.Acquire(ctx, key, []byte("ours"))
					if err != nil {
						if !errors.Is(err, store.ErrForeign) && !errors.Is(err, store.ErrHeld) && ctx.Err() == nil {
							p.Errorf("acquire: %v", err)
						}
						time.Sleep(time.Millisecond)
						continue
					}
					enter(1)
					p.want("update", held.Update(ctx, []byte("ours")), nil)
					holders.Add(-1)
					p.want("release", held.Release(ctx), nil)
					done++
				}
			})
		}
		all.Wait()
		if a, b := turns[0].Load(), turns[1].Load(); a != each*programs || b != each*programs {
			p.Errorf("in %v theirs had %d turns and ours %d, each was to have %d", limit, a, b, each*programs)
		}
	})
}
