package connector

import (
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/leasehold-go/leasehold/internal/full"
	"github.com/leasehold-go/leasehold/internal/redistest"
)

// redisPair is a pair on a Redis server, with a client that writes without leasehold.
type redisPair struct {
	pair
	*redistest.Server
	client *redis.Client
}

func newRedisPair(t *testing.T) redisPair {
	t.Parallel()
	s := redistest.Start(t)
	return redisPair{newPair(t, s.URL()), s, s.Client()}
}

// put overwrites the key with a foreign value.
func (p redisPair) put(value string) {
	p.t.Helper()
	if err := p.client.Set(p.t.Context(), p.key(), value, 0).Err(); err != nil {
		p.t.Fatal(err)
	}
}

func TestDeletedKeyLosesTheLease(t *testing.T) {
	p := newRedisPair(t)
	s, registered := p.active("-ttl", "1h", "-heartbeat", "2s")
	if err := p.client.Del(t.Context(), p.key()).Err(); err != nil {
		t.Fatal(err)
	}
	s.expect("lost", "token", registered.text("token"))
	s.next("transition", "from", "active", "to", "stopping")
	s.next("transition", "from", "stopping", "to", "stopped")
	s.wantExit(exitLost)
	p.wantNoRecord()
}

func TestStoreWithoutAnswersLosesTheLease(t *testing.T) {
	full.Only(t)
	p := newRedisPair(t)
	s, registered := p.active("-ttl", "3s")
	p.Pause()
	s.expect("lost", "token", registered.text("token"))
	p.Resume() // so that the release does not wait for the store
	s.expect("transition", "to", "stopped")
	s.wantExit(exitLost)
}

func TestForeignValueIsAConflictAndIsNotOverwritten(t *testing.T) {
	for name, value := range map[string]string{
		"predecessor": `{"hostname":"host-old","ipAddress":"10.1.1.1","registeredAt":"2026-01-02T03:04:05.678Z"}`,
		"text":        "not JSON",
		"half":        `{"hostname":"host-old","registeredAt":7}`,
	} {
		t.Run(name, func(t *testing.T) {
			p := newRedisPair(t)
			p.put(value)
			for _, args := range [][]string{nil, {"-wait"}, {"-reclaim", "name"}} {
				s := p.connector(args...)
				s.next("conflict", "foreign", "true")
				s.wantExit(exitConflict)
				s.wantError(p.key(), "another program")
				if name == "predecessor" {
					s.wantError("host-old", "10.1.1.1", "2026-01-02T03:04:05.678Z")
				}
			}
			if got := p.value(); got != value {
				t.Errorf("the value is %q", got)
			}
		})
	}
}

func TestForeignValueOverTheRecordLosesTheLease(t *testing.T) {
	p := newRedisPair(t)
	s, _ := p.active("-ttl", "1h", "-heartbeat", "2s")
	p.put("mine now")
	s.expect("lost")
	s.expect("transition", "to", "stopped")
	s.wantExit(exitLost)
	if got := p.value(); got != "mine now" {
		t.Errorf("the value is %q", got)
	}
}

func TestStatusWritesForeignValues(t *testing.T) {
	p := newRedisPair(t)
	s := p.connector("-autostart=false")
	p.put("not JSON")
	s.send("status")
	s.next("status", "foreign", "true", "record", "not JSON")
	p.put(`{"hostname":"host-old"}`)
	s.send("status")
	if r := s.next("status", "foreign", "true").record(t); r.text("hostname") != "host-old" {
		t.Errorf("record is %v", r)
	}
}

func TestUnreachableStoreExits1(t *testing.T) {
	p := newRedisPair(t)
	url := p.URL()
	p.Stop()
	for _, args := range [][]string{nil, {"-autostart=false"}, {"-wait"}} {
		s := process(t, append(args, "-store", url)...)
		s.wantExit(exitStore)
		s.wantError(p.Addr(), "refused")
	}
}

func TestStoreThatEvictsExits1(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t, "--maxmemory", "100mb", "--maxmemory-policy", "allkeys-lru")
	s := process(t, "-store", server.URL())
	s.wantExit(exitStore)
	s.wantError("noeviction")
}

func TestUnreachableStoreAtStartCommandExits1(t *testing.T) {
	p := newRedisPair(t)
	s := p.connector("-autostart=false")
	s.send("status")
	s.next("status")
	p.Stop()
	s.send("start")
	s.wantExit(exitStore)
}

func TestLeavingWithoutTheStoreExits1AndNamesTheKey(t *testing.T) {
	full.Only(t)
	p := newRedisPair(t)
	s, _ := p.active("-ttl", "1h")
	p.Stop()
	s.stop()
	s.wantExit(exitStore)
	s.wantError("leaving", p.key(), "unavailable")
}
