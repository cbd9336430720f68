package main

import (
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/leasehold-go/leasehold/internal/redistest"
)

// rival is a pair on a Redis server, and a program without leasehold beside it.
type rival struct {
	pair
	*redistest.Server
	client *redis.Client
}

func newRival(t *testing.T) rival {
	t.Parallel()
	s := redistest.Start(t)
	return rival{newPair(t, s.URL()), s, s.Client()}
}

// put writes over the key as a program without leasehold does.
func (r rival) put(value string) {
	r.t.Helper()
	if err := r.client.Set(r.t.Context(), r.key(), value, 0).Err(); err != nil {
		r.t.Fatal(err)
	}
}

func TestADeletedKeyIsALoss(t *testing.T) {
	p := newRival(t)
	s, registered := p.active("-ttl", "1h", "-heartbeat", "500ms")
	if err := p.client.Del(t.Context(), p.key()).Err(); err != nil {
		t.Fatal(err)
	}
	s.expect("lost", "token", registered.text("token"))
	s.next("transition", "from", "active", "to", "stopping")
	s.next("transition", "from", "stopping", "to", "stopped")
	s.exits(exitLost)
	p.gone()
}

func TestAStoreThatFallsSilentIsALoss(t *testing.T) {
	p := newRival(t)
	s, registered := p.active("-ttl", "3s")
	p.Pause()
	s.expect("lost", "token", registered.text("token"))
	p.Resume() // or the release would take its time
	s.expect("transition", "to", "stopped")
	s.exits(exitLost)
}

func TestAForeignValueIsAConflictAndNeverOverwritten(t *testing.T) {
	for name, value := range map[string]string{
		"predecessor": `{"hostname":"host-old","ipAddress":"10.1.1.1","registeredAt":"2026-01-02T03:04:05.678Z"}`,
		"text":        "not JSON",
		"half":        `{"hostname":"host-old","registeredAt":7}`,
	} {
		t.Run(name, func(t *testing.T) {
			p := newRival(t)
			p.put(value)
			for _, args := range [][]string{nil, {"-wait"}, {"-reclaim", "name"}} {
				s := p.connector(args...)
				s.next("conflict", "foreign", "true")
				s.exits(exitConflict)
				s.complains(p.key(), "another program")
				if name == "predecessor" {
					s.complains("host-old", "10.1.1.1", "2026-01-02T03:04:05.678Z")
				}
			}
			if got := p.value(); got != value {
				t.Errorf("the value is %q", got)
			}
		})
	}
}

func TestAForeignValueThatReplacesTheRecordIsALoss(t *testing.T) {
	p := newRival(t)
	s, _ := p.active("-ttl", "1h", "-heartbeat", "500ms")
	p.put("mine now")
	s.expect("lost")
	s.expect("transition", "to", "stopped")
	s.exits(exitLost)
	if got := p.value(); got != "mine now" {
		t.Errorf("the value is %q", got)
	}
}

func TestStatusShowsWhateverIsThere(t *testing.T) {
	p := newRival(t)
	s := p.connector("-autostart=false")
	p.put("not JSON")
	s.say("status")
	s.next("status", "foreign", "true", "record", "not JSON")
	p.put(`{"hostname":"host-old"}`)
	s.say("status")
	if r := s.next("status", "foreign", "true").record(t); r.text("hostname") != "host-old" {
		t.Errorf("record is %v", r)
	}
}

func TestAStoreThatCannotBeReachedExits1(t *testing.T) {
	p := newRival(t)
	url := p.URL()
	p.Stop()
	for _, args := range [][]string{nil, {"-autostart=false"}, {"-wait"}} {
		s := process(t, append(args, "-store", url)...)
		s.exits(exitStore)
		s.complains(p.Addr(), "refused")
	}
}

func TestAStoreThatRefusesExits1(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t, "--maxmemory", "100mb", "--maxmemory-policy", "allkeys-lru")
	s := process(t, "-store", server.URL())
	s.exits(exitStore)
	s.complains("noeviction")
}

func TestAStoreThatIsAwayAtATypedStartExits1(t *testing.T) {
	p := newRival(t)
	s := p.connector("-autostart=false")
	s.say("status")
	s.next("status")
	p.Stop()
	s.say("start")
	s.exits(exitStore)
}

func TestLeavingWithoutTheStoreExits1AndSaysSo(t *testing.T) {
	p := newRival(t)
	s, _ := p.active("-ttl", "1h")
	p.Stop()
	s.stop()
	s.exits(exitStore)
	s.complains("leaving", p.key(), "unavailable")
}
