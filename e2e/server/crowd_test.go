package server_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/leasehold-go/leasehold/internal/full"
	"github.com/leasehold-go/leasehold/store"
)

// others is how many keys of other programs expire beside ours.
const others = 200_000

// crowd fills the server with them: names that begin as ours do, each gone within
// one to a hundred seconds.
func (s server) crowd() {
	s.t.Helper()
	const script = `for i = ARGV[1], ARGV[1] + 9999 do
		redis.call('SET', 'job:x:' .. i, 'x', 'PX', 1000 + i % 100000)
	end`
	for from := 0; from < others; from += 10_000 {
		s.do("EVAL", script, 0, from)
	}
}

// calls counts the commands since the last CONFIG RESETSTAT, by name.
func (s server) calls() map[string]int {
	s.t.Helper()
	text, err := s.client.Info(s.t.Context(), "commandstats").Result()
	if err != nil {
		s.t.Fatal(err)
	}
	all := make(map[string]int)
	for line := range strings.Lines(text) {
		name, rest, ok := strings.Cut(strings.TrimPrefix(line, "cmdstat_"), ":calls=")
		var n int
		if _, err := fmt.Sscanf(rest, "%d", &n); ok && err == nil {
			all[name] = n
		}
	}
	return all
}

func TestAmongManyKeysThatExpireListWalksOnlyItsOwn(t *testing.T) {
	t.Parallel()
	const keys = 50
	s := start(t)
	a := s.party(time.Hour, 0)
	for i := range keys {
		a.acquire(fmt.Sprintf("job:%d", i), "a")
	}
	s.crowd()
	s.do("CONFIG", "RESETSTAT")
	if got := listed(t, a.store, "job:"); len(got) != keys {
		t.Errorf("%d records, not %d", len(got), keys)
	}
	if got := listed(t, a.store, "job:7"); len(got) != 1 {
		t.Errorf("%d records, not one", len(got))
	}
	total := 0
	for name, n := range s.calls() {
		total += n
		if name == "keys" || strings.HasSuffix(name, "scan") || name == "zrange" {
			t.Errorf("%d calls of %s", n, name)
		}
	}
	if total == 0 || total > 10*keys+50 {
		t.Errorf("%d commands for two lists of %d records: %v", total, keys, s.calls())
	}
}

func TestAmongManyKeysThatExpireADeathIsNoticed(t *testing.T) {
	full.Only(t)
	t.Parallel()
	const ttl, slack = 3 * time.Second, 30 * time.Second
	s := start(t)
	b := s.party(ttl, 0)
	s.crowd()
	for i := range 3 {
		key := fmt.Sprintf("job:%d", i)
		claim := store.Claim{Key: key, Value: []byte("a"), TTL: ttl, Nonce: store.NewNonce()}
		grant, err := b.store.Create(t.Context(), claim) // and never renewed
		if err != nil {
			t.Fatal(err)
		}
		sent := time.Now()
		held := b.await(key, "b").taken()
		if took := time.Since(sent); took > ttl+slack {
			t.Errorf("a death was noticed after %v, with a ttl of %v", took, ttl)
		}
		if held.Token() <= grant.Token {
			t.Errorf("token %d after %d", held.Token(), grant.Token)
		}
	}
}
