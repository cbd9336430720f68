package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"regexp"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/leasehold-go/leasehold/internal/redistest"
	"github.com/leasehold-go/leasehold/store"
)

const key = "exchange:1:status"

// storeVariable names the store for TestProcesses, as -store does; a Redis server of
// each test's own if it is empty.
const storeVariable = "EXCHANGE_STORE"

// What processes do to each other is the same on every store.
func TestProcesses(t *testing.T) {
	for name, test := range map[string]func(pair){
		"AnyReaderGetsExactlyTheFields":                             anyReaderGetsExactlyTheFields,
		"ASecondProcessExits3AndSaysWhoHoldsTheKey":                 aSecondProcessExits3AndSaysWhoHoldsTheKey,
		"AConflictOnATypedStartIsLoggedAndItStaysIdle":              aConflictOnATypedStartIsLoggedAndItStaysIdle,
		"InvalidTransitionsLeaveTheStoredRecordAlone":               invalidTransitionsLeaveTheStoredRecordAlone,
		"ASignalLeavesInOrderAndTheKeyIsGone":                       signalsLeaveInOrder,
		"EveryOrderlyEndDeletesTheKey":                              everyOrderlyEndDeletesTheKey,
		"AfterKillTheKeyIsGoneWithinTheTTL":                         afterKillTheKeyIsGoneWithinTheTTL,
		"ReclaimTakesTheKeyOfADeadProcessAtOnce":                    reclaimTakesTheKeyOfADeadProcessAtOnce,
		"ReclaimByNameTakesTheKeyOfTheLiving":                       reclaimByNameTakesTheKeyOfTheLiving,
		"WaitTakesOverAfterARelease":                                waitTakesOverAfterARelease,
		"WaitTakesOverAfterADeath":                                  waitTakesOverAfterADeath,
		"WaitEndsWhenToldTo":                                        waitEndsWhenToldTo,
		"AProcessPausedBeyondItsTTLLosesAndLeavesItsSuccessorAlone": aProcessPausedBeyondItsTTLLosesAndLeavesItsSuccessorAlone,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url := os.Getenv(storeVariable)
			if url == "" {
				url = redistest.Start(t).URL()
			}
			test(newPair(t, url))
		})
	}
}

// pair is a store for processes that fight over one key of it.
type pair struct {
	t        *testing.T
	url      string
	exchange uint32 // whose key it is
	store    store.Store
}

// exchanges counts the pairs: they may share a store.
var exchanges atomic.Uint32

func newPair(t *testing.T, url string) pair {
	t.Helper()
	b, err := parseBackend(url)
	if err != nil {
		t.Fatal(err)
	}
	st, shut, err := b.open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { shut() })
	return pair{t, url, exchanges.Add(1), st}
}

func (p pair) key() string { return fmt.Sprintf("exchange:%d:status", p.exchange) }

// connector starts a process on the store.
func (p pair) connector(args ...string) *session {
	p.t.Helper()
	return process(p.t, append([]string{"-store", p.url, "-exchange", fmt.Sprint(p.exchange)}, args...)...)
}

// active starts one and waits until it is active.
func (p pair) active(args ...string) (s *session, registered line) {
	p.t.Helper()
	s = p.connector(append([]string{"-warm", "1"}, args...)...)
	registered = s.expect("registered")
	s.expect("transition", "to", "active")
	return s, registered
}

// record is what any reader of the key gets; without a value if there is nothing.
func (p pair) record() store.Record {
	p.t.Helper()
	r, err := p.store.Get(p.t.Context(), p.key())
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		p.t.Fatal(err)
	}
	return r
}

func (p pair) value() string { p.t.Helper(); return string(p.record().Value) }

// left is the time to live of the key, by the server's account.
func (p pair) left() time.Duration { p.t.Helper(); return p.record().Left }

func (p pair) gone() {
	p.t.Helper()
	if value := p.value(); value != "" {
		p.t.Errorf("the key has %s", value)
	}
}

func anyReaderGetsExactlyTheFields(p pair) {
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
		p.t.Errorf("fields are %v", got)
	}
	var fields map[string]any
	if err := json.Unmarshal([]byte(value), &fields); err != nil || len(fields) != 15 {
		p.t.Errorf("%d fields in %s (%v)", len(fields), value, err)
	}
	moment := regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$`)
	for _, name := range []string{"connectedAt", "lastHeartbeat", "lastStateChange", "registeredAt"} {
		if text, _ := fields[name].(string); !moment.MatchString(text) {
			p.t.Errorf("%s is %v", name, fields[name])
		}
	}
}

func aSecondProcessExits3AndSaysWhoHoldsTheKey(p pair) {
	a, registered := p.active("-hostname", "host-a")
	a.say("status") // by its answer the address has been published, too
	ip := a.expect("status").record(p.t).text("ipAddress")

	b := p.connector()
	b.next("conflict", "hostname", "host-a", "token", registered.text("token"), "foreign", "false", "ipAddress", ip)
	b.exits(exitConflict)
	b.complains(p.key(), "host-a", " since 20", "s left")
	if ip != "<nil>" {
		b.complains("(" + ip + ")")
	}
	a.say("status")
	a.next("status", "token", registered.text("token"))
}

func aConflictOnATypedStartIsLoggedAndItStaysIdle(p pair) {
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
	if second := b.next("registered"); second.token(p.t) <= registered.token(p.t) {
		p.t.Errorf("second term is %v, after %v", second, registered)
	}
}

func invalidTransitionsLeaveTheStoredRecordAlone(p pair) {
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
		p.t.Errorf("the record was\n%s and is\n%s", before, after)
	}
}

// withoutAddress drops what is found beside everything else and may come late.
func withoutAddress(record string) string {
	return regexp.MustCompile(`"(ipAddress|ip)":("[^"]*"|null),`).ReplaceAllString(record, "")
}

func signalsLeaveInOrder(p pair) {
	for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
		s, registered := p.active()
		s.signal(sig)
		s.next("transition", "from", "active", "to", "stopping")
		s.next("transition", "from", "stopping", "to", "stopped")
		s.next("deregistered", "token", registered.text("token"))
		s.exits(exitOK)
		p.gone()
	}
}

func everyOrderlyEndDeletesTheKey(p pair) {
	for _, command := range []string{"stop", "quit"} {
		s, _ := p.active()
		s.say(command)
		s.expect("deregistered")
		s.stop()
		s.exits(exitOK)
		p.gone()
	}
}

// The server itself says for how long a record outlives its holder, so nothing here
// depends on how fast the test runs.
func afterKillTheKeyIsGoneWithinTheTTL(p pair) {
	a, first := p.active("-ttl", "3s")
	a.kill()
	if left := p.left(); left > 3*time.Second {
		p.t.Errorf("the dead holder's record has %v left", left)
	}
	for late := time.Now().Add(patience); p.value() != ""; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(late) {
			p.t.Fatal("the key is never gone")
		}
	}
	_, second := p.active("-reclaim", "never")
	if second.token(p.t) <= first.token(p.t) {
		p.t.Errorf("token %d after %d", second.token(p.t), first.token(p.t))
	}
}

func reclaimTakesTheKeyOfADeadProcessAtOnce(p pair) {
	a, first := p.active("-ttl", "1h", "-instance", "worker-1")
	alive := p.connector() // the default looks for the dead, and this one lives
	alive.expect("conflict")
	alive.exits(exitConflict)
	a.kill()
	never := p.connector("-reclaim", "never")
	never.exits(exitConflict)
	b, second := p.active()
	if second.token(p.t) <= first.token(p.t) {
		p.t.Errorf("token %d after %d", second.token(p.t), first.token(p.t))
	}
	b.stop()
	b.exits(exitOK)
}

func reclaimByNameTakesTheKeyOfTheLiving(p pair) {
	a, _ := p.active("-ttl", "1h", "-heartbeat", "500ms", "-instance", "worker-1")
	other := p.connector("-reclaim", "name", "-instance", "worker-2")
	other.exits(exitConflict)
	b, _ := p.active("-reclaim", "name", "-instance", "worker-1")
	a.expect("lost")
	a.exits(exitLost)
	b.stop()
	b.exits(exitOK)
}

func waitTakesOverAfterARelease(p pair) {
	a, first := p.active("-hostname", "host-a", "-ttl", "1h")
	b := p.waiting()
	a.stop()
	a.exits(exitOK)
	if second := b.next("registered"); second.token(p.t) <= first.token(p.t) {
		p.t.Errorf("token %d after %d", second.token(p.t), first.token(p.t))
	}
	b.complainsSoon("host-a")
}

func waitTakesOverAfterADeath(p pair) {
	a, first := p.active("-ttl", "3s")
	b := p.waiting()
	a.kill()
	if second := b.next("registered"); second.token(p.t) <= first.token(p.t) {
		p.t.Errorf("token %d after %d", second.token(p.t), first.token(p.t))
	}
	b.expect("transition", "to", "active")
}

func waitEndsWhenToldTo(p pair) {
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

func aProcessPausedBeyondItsTTLLosesAndLeavesItsSuccessorAlone(p pair) {
	a, first := p.active("-ttl", "3s")
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
	if r := l.record(p.t); r.text("connectionState") != "active" || !strings.Contains(p.value(), second.text("instance")) {
		p.t.Errorf("the successor's record is %v", r)
	}
	b.stop()
	b.expect("deregistered")
	b.exits(exitOK)
}
