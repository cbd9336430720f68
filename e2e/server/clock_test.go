package server_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/leasehold-go/leasehold/e2e/internal/answered"
	"github.com/leasehold-go/leasehold/internal/full"
	"github.com/leasehold-go/leasehold/internal/redistest"
	"github.com/leasehold-go/leasehold/lease"
	"github.com/leasehold-go/leasehold/store"
)

// clocked is a server whose wall clock the test can step.
type clocked struct {
	server
	file *os.File // with the offset in nanoseconds; see testdata/clock.c
}

// realServer is looked for before a test has its own redis-server first in PATH.
var realServer, errServer = exec.LookPath("redis-server")

func startClocked(t *testing.T) clocked {
	t.Helper()
	dir := t.TempDir()
	library, offset := filepath.Join(dir, "clock.so"), filepath.Join(dir, "offset")
	output, err := exec.Command("gcc", "-O2", "-Wall", "-shared", "-fPIC", "-o", library, "testdata/clock.c").CombinedOutput()
	if err != nil {
		t.Fatalf("gcc: %v: %s", err, output)
	}
	file, err := os.Create(offset)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { file.Close() })
	c := clocked{file: file}
	c.set(t, 0)

	// A redis-server that comes first in PATH gives the clock to the server alone.
	if errServer != nil {
		t.Fatal("redis-server not found: install the Debian package redis-server")
	}
	script := fmt.Sprintf("#!/bin/sh\nCLOCK_OFFSET='%s' LD_PRELOAD='%s' exec '%s' \"$@\"\n", offset, library, realServer)
	if err := os.WriteFile(filepath.Join(dir, "redis-server"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	withPath(t, dir, func() {
		c.server = of(t, redistest.Start(t))
	})
	return c
}

func (c clocked) set(t *testing.T, offset time.Duration) {
	t.Helper()
	if _, err := c.file.WriteAt(binary.LittleEndian.AppendUint64(nil, uint64(offset)), 0); err != nil {
		t.Fatal(err)
	}
}

// step sets the server's clock off the test's, and sees to it that it is.
func (c clocked) step(offset time.Duration) {
	c.t.Helper()
	c.set(c.t, offset)
	now, err := c.client.Time(c.t.Context()).Result()
	if err != nil {
		c.t.Fatal(err)
	}
	if off := time.Until(now) - offset; off.Abs() > 20*time.Second {
		c.t.Fatalf("the server's clock is %v off by %v", offset, off)
	}
}

// cut is a store that has been out of reach for renewals from some moment on.
type cut struct {
	store.Store
	mu  sync.Mutex
	off bool
}

func (c *cut) sever() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.off = true
}

func (c *cut) Renew(ctx context.Context, batch []store.Renewal) []store.RenewResult {
	c.mu.Lock()
	off := c.off
	c.mu.Unlock()
	if !off {
		return c.Store.Renew(ctx, batch)
	}
	answers := make([]store.RenewResult, len(batch))
	for i, w := range batch {
		answers[i].Err = &store.Error{Op: "renew", Key: w.Key, Condition: store.ErrUnavailable}
	}
	return answers
}

func TestAMinuteForwardWithinTheTTLLosesNothing(t *testing.T) {
	t.Parallel()
	c := startClocked(t)
	a, b := c.party(5*time.Minute, 500*time.Millisecond), c.party(5*time.Minute, 500*time.Millisecond)
	held, other := a.acquire("job", "a"), a.acquire("other", "a")
	waiting := b.await("job", "b")

	c.step(time.Minute)
	if left := c.left("job"); left > 5*time.Minute {
		t.Errorf("%v left", left)
	}
	a.renewed(held)
	if left := c.left("job"); left < 4*time.Minute || left > 5*time.Minute+time.Second {
		t.Errorf("%v left after a renewal", left)
	}
	if !waiting.waits() {
		t.Error("the waiter has the key of a living holder")
	}
	if err := other.Release(t.Context()); err != nil {
		t.Fatal(err)
	}
	later(t, b.acquire("other", "b"), other)
	if err := held.Release(t.Context()); err != nil {
		t.Fatal(err)
	}
	later(t, waiting.taken(), held)
}

// A step beyond the guard is the case for which exclusion is not promised. What is:
// the tokens tell who came first, and the first writes nothing any more.
func TestAMinuteForwardBeyondTheTTLIsToldByTokens(t *testing.T) {
	full.Only(t)
	t.Parallel()
	c := startClocked(t)
	a, b := c.party(12*time.Second, 3*time.Second), c.party(time.Hour, 0)
	held := a.acquire("job", "a")
	c.step(time.Minute)
	var successor lease.Lease
	eventually(t, "the server drops the record", func() bool {
		var err error
		successor, err = b.Acquire(t.Context(), "job", []byte("b"))
		return err == nil
	})
	t.Logf("with a successor, the first holder is valid: %v", held.Valid())
	later(t, successor, held)
	lost(t, held)
	c.powerless(held, successor)
}

// The guard is what trust gives up for such a step: a twentieth of the ttl, at most
// half a second.
func TestAStepWithinTheGuardLeavesNoSecondValidHolder(t *testing.T) {
	full.Only(t)
	t.Parallel()
	const ttl, guard = 10 * time.Second, 500 * time.Millisecond
	c := startClocked(t)
	b := c.party(ttl, 0)
	line := &cut{Store: b.store}
	a := newParty(t, b.store, line, ttl, time.Second)
	held := a.acquire("job", "a")
	a.renewed(held)
	line.sever()
	c.step(guard)
	for {
		successor, err := answered.Acquire(t.Context(), func() (lease.Lease, error) { return b.Acquire(t.Context(), "job", []byte("b")) })
		valid := held.Valid()
		if err == nil {
			if valid {
				t.Error("two valid holders")
			}
			later(t, successor, held)
			expired(t, held)
			return
		}
		want(t, "acquire", err, store.ErrHeld)
		time.Sleep(2 * time.Millisecond)
	}
}

// account is what a watch has told of.
type account struct {
	mu    sync.Mutex
	known map[string]store.Token
}

func (p *party) watch(prefix string) *account {
	a := &account{known: make(map[string]store.Token)}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for e, err := range p.store.Watch(ctx, prefix) {
			if err != nil {
				return // its context's
			}
			a.mu.Lock()
			switch e.Kind {
			case store.EventPut:
				a.known[e.Record.Key] = e.Record.Token
			case store.EventGone:
				delete(a.known, e.Record.Key)
			}
			a.mu.Unlock()
		}
	}()
	p.t.Cleanup(func() { stop(); <-ended })
	return a
}

// agrees waits until the watch has told of what List yields, which has to be of these
// keys.
func (a *account) agrees(p *party, prefix string, keys ...string) {
	p.t.Helper()
	slices.Sort(keys)
	var told, there []string
	defer func() {
		if p.t.Failed() {
			p.t.Logf("the watch told of %v, List of %v", told, there)
		}
	}()
	eventually(p.t, fmt.Sprintf("watch and list agree on %v", keys), func() bool {
		all := listed(p.t, p.store, prefix)
		a.mu.Lock()
		defer a.mu.Unlock()
		told, there = slices.Sorted(maps.Keys(a.known)), slices.Sorted(maps.Keys(all))
		for key, token := range a.known {
			if all[key].Token != token {
				return false
			}
		}
		return slices.Equal(told, there) && slices.Equal(there, keys)
	})
}

func TestAnHourBackLeavesNothingForEver(t *testing.T) {
	full.Only(t)
	t.Parallel()
	const ttl = 8 * time.Second
	c := startClocked(t)
	a, b := c.party(ttl, time.Second), c.party(ttl, time.Second)
	held, free := a.acquire("job:held", "a"), a.acquire("job:free", "a")
	crashed := store.Claim{Key: "job:crashed", Value: []byte("x"), TTL: ttl, Nonce: store.NewNonce()}
	grant, err := b.store.Create(t.Context(), crashed)
	if err != nil {
		t.Fatal(err)
	}
	told := b.watch("job:")
	told.agrees(b, "job:", "job:crashed", "job:free", "job:held")

	c.step(-time.Hour)
	waiting := b.await("job:held", "b")
	a.renewed(held)
	if left := c.left("job:held"); left <= 0 || left > ttl+time.Second {
		t.Errorf("%v left of a record that was renewed since", left)
	}
	if !waiting.waits() {
		t.Error("the waiter has the key of a living holder")
	}
	// The server counts to an instant that is now further away; but to an instant.
	if left := c.left("job:crashed"); left <= 0 || left > time.Hour+ttl {
		t.Errorf("%v left of a record whose holder is dead", left)
	}
	if r, err := b.store.Get(t.Context(), "job:crashed"); err != nil || r.Left > ttl || r.Token != grant.Token {
		t.Errorf("a reader sees %+v, %v", r, err)
	}
	told.agrees(b, "job:", "job:crashed", "job:free", "job:held")

	// Tokens grow though the clock that they are made of went back.
	for range 3 {
		next := free
		if err := next.Release(t.Context()); err != nil {
			t.Fatal(err)
		}
		free = b.acquire("job:free", "b")
		later(t, free, next)
	}
	if err := held.Release(t.Context()); err != nil {
		t.Fatal(err)
	}
	successor := waiting.taken()
	later(t, successor, held)
	c.mortal()
	told.agrees(b, "job:", "job:crashed", "job:free", "job:held")

	c.step(ttl) // the hour passes at once, which ends the others' records, too
	c.expires("job:crashed")
	told.agreesWithout(b, "job:", "job:crashed")
	next := b.acquire("job:crashed", "b")
	if next.Token() <= grant.Token {
		t.Errorf("token %d after %d", next.Token(), grant.Token)
	}
}

// An operator can put an end to what the step made long.
func TestARecordMadeLongByAStepBackCanBeDeleted(t *testing.T) {
	full.Only(t)
	t.Parallel()
	c := startClocked(t)
	b := c.party(2*time.Second, 0)
	claim := store.Claim{Key: "job", Value: []byte("x"), TTL: 10 * time.Second, Nonce: store.NewNonce()}
	grant, err := b.store.Create(t.Context(), claim)
	if err != nil {
		t.Fatal(err)
	}
	c.step(-time.Hour)
	if _, err := b.Acquire(t.Context(), "job", []byte("b")); !errors.Is(err, store.ErrHeld) {
		t.Errorf("acquire: %v", err)
	}
	waiting := b.await("job", "b")
	if err := b.store.Delete(t.Context(), "job", store.ByToken(grant.Token)); err != nil {
		t.Fatal(err)
	}
	held := waiting.taken()
	if held.Token() <= grant.Token {
		t.Errorf("token %d after %d", held.Token(), grant.Token)
	}
	// The clock is of no help for an hour. What helps is the fence, which outlives its
	// record by far.
	if err := held.Release(t.Context()); err != nil {
		t.Fatal(err)
	}
	time.Sleep(5 * time.Second)
	later(t, b.acquire("job", "b"), held)
}

// mortal checks that everything but the index has an expiry.
func (c clocked) mortal() {
	c.t.Helper()
	names, err := c.client.Keys(c.t.Context(), "*").Result()
	if err != nil {
		c.t.Fatal(err)
	}
	for _, name := range names {
		if name != store.Reserved+"index" && c.left(name) <= 0 {
			c.t.Errorf("%q has no expiry", name)
		}
	}
}

func (c clocked) expires(key string) {
	c.t.Helper()
	eventually(c.t, "the record expires", func() bool { return c.raw(key) == "" })
}

// agreesWithout is agrees for a key that has to be gone, whatever else there is.
func (a *account) agreesWithout(p *party, prefix, key string) {
	p.t.Helper()
	eventually(p.t, "watch and list agree", func() bool {
		all := listed(p.t, p.store, prefix)
		a.mu.Lock()
		defer a.mu.Unlock()
		_, still := a.known[key]
		return !still && len(a.known) == len(all)
	})
}
