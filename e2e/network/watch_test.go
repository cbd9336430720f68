package network_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/leasehold-go/leasehold/e2e/network"
	"github.com/leasehold-go/leasehold/store"
)

// account is what a reader has been told by a watch.
type account struct {
	mu      sync.Mutex
	records map[string]string // value and token by key
	resyncs int
	inside  bool // between a resync and its mark
	synced  int
	err     error // that ended the watch
}

func shown(r store.Record) string { return fmt.Sprintf("%s (%d)", r.Value, r.Token) }

func (a *account) take(e store.Event) {
	a.mu.Lock()
	defer a.mu.Unlock()
	switch e.Kind {
	case store.Put:
		a.records[e.Record.Key] = shown(e.Record)
	case store.Gone:
		delete(a.records, e.Record.Key)
	case store.Resync:
		a.resyncs, a.inside = a.resyncs+1, true
	case store.Synced:
		a.synced, a.inside = a.synced+1, false
	}
}

func (a *account) told() map[string]string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return maps.Clone(a.records)
}

func (a *account) counts() (resyncs, synced int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.resyncs, a.synced
}

// watch keeps account of a prefix over the line until the test ends.
func (l *line) watch() *account {
	l.Helper()
	a := &account{records: make(map[string]string)}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		for e, err := range l.far.Watch(ctx, "watched:") {
			if err != nil {
				a.err = err
				return
			}
			a.take(e)
		}
	}()
	l.Cleanup(func() {
		cancel()
		<-done
		if !errors.Is(a.err, context.Canceled) {
			l.Errorf("the watch ended with %v", a.err)
		}
	})
	l.eventually("the first account", func() bool { _, synced := a.counts(); return synced == 1 })
	return a
}

// listed is what List yields beside the line.
func (l *line) listed() map[string]string {
	l.Helper()
	all := make(map[string]string)
	for r, err := range l.near.List(l.Context(), "watched:") {
		if err != nil {
			l.Fatal(err)
		}
		all[r.Key] = shown(r)
	}
	return all
}

func (l *line) wantEqual(when string, a *account) {
	l.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
		told, listed := a.told(), l.listed()
		if maps.Equal(told, listed) {
			return
		}
		if time.Now().After(deadline) {
			l.Fatalf("%s: the watch told of %v, the list is %v", when, told, listed)
		}
	}
}

// hand is someone who writes records under the watched prefix, beside the line.
type hand struct {
	*line
	held map[string]*store.Write
	ttl  time.Duration
}

func (l *line) hand(ttl time.Duration) *hand {
	return &hand{line: l, held: make(map[string]*store.Write), ttl: ttl}
}

func (h *hand) put(key, value string) {
	h.Helper()
	w := h.held[key]
	if w == nil {
		c := claim(value, h.ttl)
		c.Key = key
		h.held[key] = &store.Write{Key: key, Token: h.create(h.near, c).Token}
		return
	}
	w.Seq++
	w.Value = []byte(value)
	h.want("update", h.near.Update(h.Context(), *w), nil)
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
		missed  bool // something certainly was, which has to be said
	}{
		"connection cut":           {func(l *line) { l.Refuse(); l.Cut() }, true},
		"requests half-closed":     {func(l *line) { l.HalfClose(network.ToServer) }, true},
		"messages half-closed":     {func(l *line) { l.Refuse(); l.HalfClose(network.ToClient) }, true},
		"frozen, and all let go":   {func(l *line) { l.Freeze(network.ToServer, network.ToClient) }, false},
		"messages frozen":          {func(l *line) { l.Freeze(network.ToClient) }, false},
		"frozen, and cut after it": {func(l *line) { l.Freeze(network.ToServer, network.ToClient) }, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := connect(t)
			h := l.hand(long)
			h.scribble(20)
			a := l.watch()
			l.wantEqual("at first", a)
			h.scribble(20)
			l.wantEqual("on a sound network", a)
			before, _ := a.counts()

			c.trouble(l)
			h.scribble(40)
			h.drop("watched:0")
			h.put("watched:0", "new while nobody could see")
			if name == "frozen, and cut after it" {
				l.Cut()
			}
			l.Heal()
			l.wantEqual("after the trouble", a)
			if c.missed {
				l.eventually("a resync is told", func() bool { now, _ := a.counts(); return now > before })
			}
			h.scribble(20)
			l.wantEqual("later", a)
		})
	}
}

// A connection that is cut again and again while others write.
func TestWatchEqualsListAfterManyCuts(t *testing.T) {
	t.Parallel()
	l := connect(t)
	a := l.watch()
	h := l.hand(long)
	for range 15 {
		h.scribble(10)
		l.Cut()
		h.scribble(10)
		time.Sleep(rand.N(100 * time.Millisecond))
	}
	l.wantEqual("in the end", a)
}

// A message is lost and the connection stays: nothing tells of it. The watch reads
// everything again within a ttl.
func TestWatchFindsWhatALostMessageWouldHaveTold(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*hand){
		"value":   func(h *hand) { h.put("watched:a", "new") },
		"release": func(h *hand) { h.drop("watched:a") },
		"create":  func(h *hand) { h.put("watched:b", "first") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := connect(t)
			h := l.hand(2 * time.Second)
			h.put("watched:a", "old")
			keepAlive(h)
			a := l.watch()
			l.wantEqual("at first", a)
			before, _ := a.counts()
			lost := l.On(network.ToClient, "watched:", network.Swallow, 1)
			h.put("watched:c", "never mind") // gets the message lost, if change publishes none
			l.eventually("a message is lost", func() bool { return len(lost.Taken()) == 1 })
			l.wantEqual("after the first loss", a)
			lost = l.On(network.ToClient, "watched:", network.Swallow, 1)
			change(h)
			l.eventually("a message is lost", func() bool { return len(lost.Taken()) == 1 })
			l.wantEqual("a while after the loss", a)
			if now, _ := a.counts(); now <= before {
				t.Error("what was missed came without a resync")
			}
		})
	}
}

// keepAlive renews what a hand holds at present until the test ends, without a
// value: that publishes nothing.
func keepAlive(h *hand) {
	var batch []store.Write
	for _, w := range h.held {
		batch = append(batch, store.Write{Key: w.Key, Token: w.Token})
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
