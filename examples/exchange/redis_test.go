package main

import (
	"encoding/json"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/leasehold-go/leasehold/internal/redistest"
)

const key = "exchange:1:status"

// pair is a Redis server for processes that fight over one key of it.
type pair struct {
	*redistest.Server
	t      *testing.T
	client *redis.Client
}

func newPair(t *testing.T) pair {
	t.Parallel()
	s := redistest.Start(t)
	return pair{Server: s, t: t, client: s.Client()}
}

// connector starts a process on the server.
func (p pair) connector(args ...string) *session {
	p.t.Helper()
	return process(p.t, append([]string{"-store", p.URL() + "/0"}, args...)...)
}

// active starts one and waits until it is active.
func (p pair) active(args ...string) (s *session, registered line) {
	p.t.Helper()
	s = p.connector(append([]string{"-warm", "1"}, args...)...)
	registered = s.expect("registered")
	s.expect("transition", "to", "active")
	return s, registered
}

// value is what any reader of the key gets; empty if there is nothing.
func (p pair) value() string {
	p.t.Helper()
	value, err := p.client.Get(p.t.Context(), key).Result()
	if err != nil && err != redis.Nil {
		p.t.Fatal(err)
	}
	return value
}

// put writes over the key as a program without leasehold does.
func (p pair) put(value string) {
	p.t.Helper()
	if err := p.client.Set(p.t.Context(), key, value, 0).Err(); err != nil {
		p.t.Fatal(err)
	}
}

// left is the time to live of the key, by the server's account.
func (p pair) left() time.Duration {
	p.t.Helper()
	left, err := p.client.PTTL(p.t.Context(), key).Result()
	if err != nil {
		p.t.Fatal(err)
	}
	return left
}

func (p pair) gone() {
	p.t.Helper()
	if value := p.value(); value != "" {
		p.t.Errorf("the key has %s", value)
	}
}

func TestAnyReaderGetsExactlyTheFields(t *testing.T) {
	p := newPair(t)
	p.active("-admin-email", "ops@example.com")
	names := regexp.MustCompile(`"([a-zA-Z]+)":`)
	var got []string
	value := p.value()
	own := strings.Index(value, `"leasehold":`)
	for _, m := range names.FindAllStringSubmatch(value[:own], -1) {
		got = append(got, m[1])
	}
	const want = "exchangeId exchangeName hostname ipAddress adminEmail adminDisplayName connectionState " +
		"symbolCount connectedAt lastHeartbeat lastStateChange registeredAt lastError lastErrorAt"
	if strings.Join(got, " ") != want {
		t.Errorf("fields are %v", got)
	}
	var fields map[string]any
	if err := json.Unmarshal([]byte(value), &fields); err != nil || len(fields) != 15 {
		t.Errorf("%d fields in %s (%v)", len(fields), value, err)
	}
	moment := regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$`)
	for _, name := range []string{"connectedAt", "lastHeartbeat", "lastStateChange", "registeredAt"} {
		if text, _ := fields[name].(string); !moment.MatchString(text) {
			t.Errorf("%s is %v", name, fields[name])
		}
	}
}

func TestASecondProcessExits3AndSaysWhoHoldsTheKey(t *testing.T) {
	p := newPair(t)
	a, registered := p.active("-hostname", "host-a")
	a.say("status") // by its answer the address has been published, too
	ip := a.expect("status").record(t).text("ipAddress")

	b := p.connector()
	b.next("conflict", "hostname", "host-a", "token", registered.text("token"), "foreign", "false", "ipAddress", ip)
	b.exits(exitConflict)
	b.complains(key, "host-a", " since 20", "s left")
	if ip != "<nil>" {
		b.complains("(" + ip + ")")
	}
	a.say("status")
	a.next("status", "token", registered.text("token"))
}

func TestAConflictOnATypedStartIsLoggedAndItStaysIdle(t *testing.T) {
	p := newPair(t)
	a, registered := p.active()
	b := p.connector("-autostart=false")
	b.say("start")
	b.next("conflict", "token", registered.text("token"))
	b.say("status") // reads the other's record
	b.next("status", "token", registered.text("token"))
	b.say("to starting")
	b.next("rejected", "from", "idle", "allowed", "[]")
	a.say("stop")
	a.expect("deregistered")
	b.say("start")
	if second := b.next("registered"); second.token(t) <= registered.token(t) {
		t.Errorf("second term is %v, after %v", second, registered)
	}
}

func TestInvalidTransitionsLeaveTheStoredRecordAlone(t *testing.T) {
	p := newPair(t)
	s := p.connector(append(cold, "-ttl", "10m")...) // no heartbeat comes between
	s.expect("transition", "to", "warming")
	s.say("symbols 3") // the address has been published by then, or will be with it
	s.say("status")
	s.expect("status")
	before := p.value()
	for _, state := range []string{"stopped", "starting", "warming", "nowhere"} {
		s.say("to " + state)
		s.next("rejected", "to", state)
	}
	if after := p.value(); withoutAddress(after) != withoutAddress(before) {
		t.Errorf("the record was\n%s and is\n%s", before, after)
	}
}

// withoutAddress drops what is found beside everything else and may come late.
func withoutAddress(record string) string {
	return regexp.MustCompile(`"(ipAddress|ip)":("[^"]*"|null),`).ReplaceAllString(record, "")
}

func TestSIGTERMLeavesInOrderAndTheKeyIsGone(t *testing.T) {
	for name, sig := range map[string]syscall.Signal{"SIGTERM": syscall.SIGTERM, "SIGINT": syscall.SIGINT} {
		t.Run(name, func(t *testing.T) {
			p := newPair(t)
			s, registered := p.active()
			s.signal(sig)
			s.next("transition", "from", "active", "to", "stopping")
			s.next("transition", "from", "stopping", "to", "stopped")
			s.next("deregistered", "token", registered.text("token"))
			s.exits(exitOK)
			p.gone()
		})
	}
}

func TestEveryOrderlyEndDeletesTheKey(t *testing.T) {
	for _, command := range []string{"stop", "quit"} {
		t.Run(command, func(t *testing.T) {
			p := newPair(t)
			s, _ := p.active()
			s.say(command)
			s.expect("deregistered")
			p.gone()
		})
	}
}

// The server itself says for how long a record outlives its holder, so nothing here
// depends on how fast the test runs.
func TestAfterKillTheKeyIsGoneWithinTheTTL(t *testing.T) {
	p := newPair(t)
	a, first := p.active("-ttl", "2s")
	a.kill()
	if left := p.left(); left > 2*time.Second {
		t.Errorf("the dead holder's record has %v left", left)
	}
	for late := time.Now().Add(patience); p.value() != ""; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(late) {
			t.Fatal("the key is never gone")
		}
	}
	_, second := p.active("-reclaim", "never")
	if second.token(t) <= first.token(t) {
		t.Errorf("token %d after %d", second.token(t), first.token(t))
	}
}

func TestReclaimTakesTheKeyOfADeadProcessAtOnce(t *testing.T) {
	p := newPair(t)
	a, first := p.active("-ttl", "1h", "-instance", "worker-1")
	alive := p.connector() // the default looks for the dead, and this one lives
	alive.expect("conflict")
	alive.exits(exitConflict)
	a.kill()
	never := p.connector("-reclaim", "never")
	never.exits(exitConflict)
	b, second := p.active()
	if second.token(t) <= first.token(t) {
		t.Errorf("token %d after %d", second.token(t), first.token(t))
	}
	b.stop()
	b.exits(exitOK)
}

func TestReclaimByNameTakesTheKeyOfTheLiving(t *testing.T) {
	p := newPair(t)
	a, _ := p.active("-ttl", "1s", "-instance", "worker-1")
	other := p.connector("-reclaim", "name", "-instance", "worker-2")
	other.exits(exitConflict)
	b, _ := p.active("-reclaim", "name", "-instance", "worker-1")
	a.expect("lost")
	a.exits(exitLost)
	b.stop()
	b.exits(exitOK)
}

func TestWaitTakesOverAfterARelease(t *testing.T) {
	p := newPair(t)
	a, first := p.active("-hostname", "host-a", "-ttl", "1h")
	b := p.waiting()
	a.stop()
	a.exits(exitOK)
	if second := b.next("registered"); second.token(t) <= first.token(t) {
		t.Errorf("token %d after %d", second.token(t), first.token(t))
	}
	b.complainsSoon("host-a")
}

func TestWaitTakesOverAfterADeath(t *testing.T) {
	p := newPair(t)
	a, first := p.active("-ttl", "2s")
	b := p.waiting()
	a.kill()
	if second := b.next("registered"); second.token(t) <= first.token(t) {
		t.Errorf("token %d after %d", second.token(t), first.token(t))
	}
	b.expect("transition", "to", "active")
}

func TestWaitEndsWhenToldTo(t *testing.T) {
	p := newPair(t)
	a, first := p.active()
	b := p.waiting()
	b.say("start")
	b.next("error", "error", "waiting for the key already")
	b.say("stop")
	b.say("status")
	b.next("status", "token", first.text("token"))
	b.stop()
	b.exits(exitOK)
	c := p.waiting()
	c.stop()
	c.exits(exitOK)
	a.say("status")
	a.next("status", "token", first.text("token"))
}

// waiting starts a process that waits for the key.
func (p pair) waiting() *session {
	p.t.Helper()
	s := p.connector("-wait", "-reclaim", "never")
	s.complainsSoon("waiting for it")
	return s
}

// complainsSoon waits until standard error says something.
func (s *session) complainsSoon(part string) {
	s.t.Helper()
	for late := time.Now().Add(patience); !strings.Contains(s.errors(), part); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(late) {
			s.t.Fatalf("standard error never says %q", part)
		}
	}
}

func TestAProcessPausedBeyondItsTTLLosesAndLeavesItsSuccessorAlone(t *testing.T) {
	p := newPair(t)
	a, first := p.active("-ttl", "1s")
	b := p.waiting()
	a.signal(syscall.SIGSTOP)
	second := b.next("registered")
	b.expect("transition", "to", "active")
	a.signal(syscall.SIGCONT)
	a.expect("lost", "token", first.text("token"))
	a.next("transition", "from", "active", "to", "stopping")
	a.next("transition", "from", "stopping", "to", "stopped")
	a.exits(exitLost)
	a.complains("lost")
	b.say("status")
	l := b.expect("status", "token", second.text("token"))
	if r := l.record(t); r.text("connectionState") != "active" || !strings.Contains(p.value(), second.text("instance")) {
		t.Errorf("the successor's record is %v", r)
	}
	b.stop()
	b.expect("deregistered")
	b.exits(exitOK)
}

func TestADeletedKeyIsALoss(t *testing.T) {
	p := newPair(t)
	s, registered := p.active("-ttl", "1s")
	if err := p.client.Del(t.Context(), key).Err(); err != nil {
		t.Fatal(err)
	}
	s.expect("lost", "token", registered.text("token"))
	s.next("transition", "from", "active", "to", "stopping")
	s.next("transition", "from", "stopping", "to", "stopped")
	s.exits(exitLost)
	p.gone()
}

func TestAStoreThatFallsSilentIsALoss(t *testing.T) {
	p := newPair(t)
	s, registered := p.active("-ttl", "1s")
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
			p := newPair(t)
			p.put(value)
			for _, args := range [][]string{nil, {"-wait"}, {"-reclaim", "name"}} {
				s := p.connector(args...)
				s.next("conflict", "foreign", "true")
				s.exits(exitConflict)
				s.complains(key, "another program")
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
	p := newPair(t)
	s, _ := p.active("-ttl", "1s")
	p.put("mine now")
	s.expect("lost")
	s.expect("transition", "to", "stopped")
	s.exits(exitLost)
	if got := p.value(); got != "mine now" {
		t.Errorf("the value is %q", got)
	}
}

func TestStatusShowsWhateverIsThere(t *testing.T) {
	p := newPair(t)
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
	p := newPair(t)
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
	p := newPair(t)
	s := p.connector("-autostart=false")
	s.say("status")
	s.next("status")
	p.Stop()
	s.say("start")
	s.exits(exitStore)
}

func TestLeavingWithoutTheStoreExits1AndSaysSo(t *testing.T) {
	p := newPair(t)
	s, _ := p.active("-ttl", "1h")
	p.Stop()
	s.stop()
	s.exits(exitStore)
	s.complains("leaving", key, "unavailable")
}
