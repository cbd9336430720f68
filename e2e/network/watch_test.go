package network_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/leasehold-go/leasehold/e2e/backends"
	"github.com/leasehold-go/leasehold/e2e/internal/account"
	"github.com/leasehold-go/leasehold/e2e/network"
	"github.com/leasehold-go/leasehold/internal/full"
	"github.com/leasehold-go/leasehold/store"
)

// watch keeps account of a prefix over the line until the test ends.
func (l *line) watch() *account.Account {
	l.Helper()
	return account.Keep(l, l.far, "watched:")
}

// hand is someone who writes records under the watched prefix, beside the line.
type hand struct {
	*line
	held map[string]*store.Renewal
	ttl  time.Duration
}

func (l *line) hand(ttl time.Duration) *hand {
	return &hand{line: l, held: make(map[string]*store.Renewal), ttl: ttl}
}

func (h *hand) put(key, value string) {
	h.Helper()
	w := h.held[key]
	if w == nil {
		c := claim(value, h.ttl)
		c.Key = key
		h.held[key] = &store.Renewal{Key: key, Token: h.create(h.near, c).Token}
		return
	}
	w.Seq++
	w.Value = []byte(value)
	h.want("update", h.near.Update(h.Context(), store.Update(*w)), nil)
}

func (h *hand) drop(key string) {
	h.Helper()
	if w := h.held[key]; w != nil {
		h.want("delete", h.near.Delete(h.Context(), key, store.ByToken(w.Token)), nil)
		delete(h.held, key)
	}
}

// scribble makes random changes.
func (h *hand) scribble(n int) {
	h.Helper()
	for i := range n {
		key := fmt.Sprintf("watched:%d", rand.IntN(8))
		if rand.IntN(3) == 0 {
			h.drop(key)
		} else {
			h.put(key, fmt.Sprintf("value %d of %d", i, rand.Int64()))
		}
	}
}

func TestWatchEqualsListAfterTrouble(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		trouble func(*line)
		missed  bool // something certainly was, and has to be said where nobody tells it later
	}{
		"connection cut":           {func(l *line) { l.Refuse(); l.Cut() }, true},
		"requests half-closed":     {func(l *line) { l.HalfClose(network.ToServer) }, true},
		"messages half-closed":     {func(l *line) { l.Refuse(); l.HalfClose(network.ToClient) }, true},
		"frozen, and all let go":   {func(l *line) { l.Freeze(network.ToServer, network.ToClient) }, false},
		"messages frozen":          {func(l *line) { l.Freeze(network.ToClient) }, false},
		"frozen, and cut after it": {func(l *line) { l.Freeze(network.ToServer, network.ToClient) }, true},
	} {
		t.Run(name, func(t *testing.T) {
			onEach(t, func(t *testing.T, l *line) {
				h := l.hand(long)
				h.scribble(20)
				a := l.watch()
				a.Equals("at first", l.near)
				h.scribble(20)
				a.Equals("on a sound network", l.near)
				before, _ := a.Counts()

				c.trouble(l)
				h.scribble(40)
				h.drop("watched:0")
				h.put("watched:0", "new while nobody could see")
				if name == "frozen, and cut after it" {
					l.Cut()
				}
				l.Heal()
				a.Equals("after the trouble", l.near)
				if c.missed && l.forgets {
					l.eventually("a resync is told", func() bool { now, _ := a.Counts(); return now > before })
				}
				h.scribble(20)
				a.Equals("later", l.near)
			})
		})
	}
}

// A connection that is cut again and again while others write.
func TestWatchEqualsListAfterManyCuts(t *testing.T) {
	full.Only(t)
	onEach(t, func(t *testing.T, l *line) {
		a := l.watch()
		h := l.hand(long)
		for range 15 {
			h.scribble(10)
			l.Cut()
			h.scribble(10)
			time.Sleep(rand.N(100 * time.Millisecond))
		}
		a.Equals("in the end", l.near)
	})
}

// A message is lost and the connection stays: nothing tells of it. The watch reads
// everything again within a ttl. Messages of a stream that numbers them cannot be
// lost so.
func TestWatchFindsWhatALostMessageWouldHaveTold(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*hand){
		"value":   func(h *hand) { h.put("watched:a", "new") },
		"release": func(h *hand) { h.drop("watched:a") },
		"create":  func(h *hand) { h.put("watched:b", "first") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := connect(t, "redis", backends.Together(t, "redis")[0])
			h := l.hand(5 * time.Second)
			h.put("watched:a", "old")
			keepAlive(h)
			a := l.watch()
			a.Equals("at first", l.near)
			before, _ := a.Counts()
			lost := l.On(network.ToClient, "message\r\n", network.Swallow, 1)
			h.put("watched:c", "never mind") // gets the message lost, if change publishes none
			keepAlive(h)                     // or it could expire before it is found
			l.eventually("a message is lost", func() bool { return len(lost.Taken()) == 1 })
			a.Equals("after the first loss", l.near)
			lost = l.On(network.ToClient, "message\r\n", network.Swallow, 1)
			change(h)
			keepAlive(h)
			l.eventually("a message is lost", func() bool { return len(lost.Taken()) == 1 })
			a.Equals("a while after the loss", l.near)
			if now, _ := a.Counts(); now <= before {
				t.Error("what was missed came without a resync")
			}
		})
	}
}

// keepAlive renews what a hand holds at present until the test ends, without a
// value: that publishes nothing.
func keepAlive(h *hand) {
	var batch []store.Renewal
	for _, w := range h.held {
		batch = append(batch, store.Renewal{Key: w.Key, Token: w.Token})
	}
	batch = slices.Clone(batch)
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case <-stop:
				return
			case <-time.After(100 * time.Millisecond):
				h.near.Renew(context.Background(), batch)
			}
		}
	}()
	h.Cleanup(func() { close(stop); <-done })
}
