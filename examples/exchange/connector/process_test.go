package connector

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

	"github.com/leasehold-go/leasehold/examples/internal/program"
	"github.com/leasehold-go/leasehold/internal/full"
	"github.com/leasehold-go/leasehold/internal/redistest"
	"github.com/leasehold-go/leasehold/store"
	"github.com/leasehold-go/leasehold/store/storeurl"
)

const key = "exchange:1:status"

// storeVariable has the URL of the store for TestProcesses. If it is empty, each test starts a
// Redis server.
const storeVariable = "EXCHANGE_STORE"

// TestProcesses are properties of several processes, which hold on every store. The suite for
// all backends runs them too.
func TestProcesses(t *testing.T) {
	full.Only(t)
	for name, test := range map[string]func(pair){
		"AnyReaderGetsExactlyTheFields":                          anyReaderGetsExactlyTheFields,
		"SecondProcessExits3AndNamesTheHolder":                   secondProcessExits3AndNamesTheHolder,
		"ConflictAfterStartCommandKeepsTheProgramIdle":           conflictAfterStartCommandKeepsTheProgramIdle,
		"InvalidTransitionsDoNotWriteTheRecord":                  invalidTransitionsDoNotWriteTheRecord,
		"SignalLeavesInOrderAndDeletesTheKey":                    signalLeavesInOrderAndDeletesTheKey,
		"EveryOrderlyEndDeletesTheKey":                           everyOrderlyEndDeletesTheKey,
		"KeyOfAKilledProcessExpiresWithinTheTTL":                 keyOfAKilledProcessExpiresWithinTheTTL,
		"ReclaimTakesTheKeyOfADeadProcessAtOnce":                 reclaimTakesTheKeyOfADeadProcessAtOnce,
		"ReclaimByNameTakesTheKeyOfTheLiving":                    reclaimByNameTakesTheKeyOfTheLiving,
		"WaitingProcessClaimsAfterARelease":                      waitingProcessClaimsAfterARelease,
		"WaitingProcessClaimsAfterAKill":                         waitingProcessClaimsAfterAKill,
		"WaitEndsByStopAndBySignal":                              waitEndsByStopAndBySignal,
		"ProcessPausedBeyondItsTTLLosesTheLeaseAndWritesNothing": processPausedBeyondItsTTLLosesTheLeaseAndWritesNothing,
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

// pair is a key in a store, for processes that compete for it.
type pair struct {
	t        *testing.T
	url      string
	exchange uint32 // the id in the key
	store    store.Store
}

// exchanges numbers the pairs, which may share a store.
var exchanges atomic.Uint32

func newPair(t *testing.T, url string) pair {
	t.Helper()
	st, closeStore, err := storeurl.Open(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closeStore() })
	return pair{t, url, exchanges.Add(1), st}
}

func (p pair) key() string { return fmt.Sprintf("exchange:%d:status", p.exchange) }

// connector starts a process with the key.
func (p pair) connector(args ...string) *session {
	p.t.Helper()
	return process(p.t, append([]string{"-store", p.url, "-exchange", fmt.Sprint(p.exchange)}, args...)...)
}

// active starts a process and waits until it is active.
func (p pair) active(args ...string) (s *session, registered line) {
	p.t.Helper()
	s = p.connector(append([]string{"-warm", "1"}, args...)...)
	registered = s.expect("registered")
	s.expect("transition", "to", "active")
	return s, registered
}

// record returns the record under the key, or one without a value if there is none.
func (p pair) record() store.Record {
	p.t.Helper()
	r, err := p.store.Get(p.t.Context(), p.key())
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		p.t.Fatal(err)
	}
	return r
}

func (p pair) value() string { p.t.Helper(); return string(p.record().Value) }

// left returns the time to live of the key, from the server.
func (p pair) left() time.Duration { p.t.Helper(); return p.record().Left }

// wantNoRecord checks that the key has no record.
func (p pair) wantNoRecord() {
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

func secondProcessExits3AndNamesTheHolder(p pair) {
	a, registered := p.active("-hostname", "host-a")
	a.send("status") // the address is published before the answer
	ip := a.expect("status").record(p.t).text("ipAddress")

	b := p.connector()
	b.next("conflict", "hostname", "host-a", "token", registered.text("token"), "foreign", "false", "ipAddress", ip)
	b.wantExit(exitConflict)
	b.wantError(p.key(), "host-a", " since 20", "s left")
	if ip != "<nil>" {
		b.wantError("(" + ip + ")")
	}
	a.send("status")
	a.next("status", "token", registered.text("token"))
}

func conflictAfterStartCommandKeepsTheProgramIdle(p pair) {
	a, registered := p.active()
	b := p.connector("-autostart=false")
	b.send("start")
	b.next("conflict", "token", registered.text("token"))
	b.send("status") // reads the record of a
	b.next("status", "token", registered.text("token"))
	b.send("to starting")
	b.next("rejected", "from", "idle", "allowed", "[]")
	a.send("stop")
	a.expect("deregistered")
	b.send("start")
	if second := b.next("registered"); second.token(p.t) <= registered.token(p.t) {
		p.t.Errorf("the second lease is %v, after %v", second, registered)
	}
}

func invalidTransitionsDoNotWriteTheRecord(p pair) {
	s := p.connector(append(cold, "-ttl", "10m", "-heartbeat", "5m")...) // no heartbeat writes meanwhile
	s.expect("transition", "to", "warming")
	s.send("symbols 3") // this write publishes the address too, if it is known
	s.send("status")
	s.expect("status")
	before := p.value()
	for _, state := range []string{"stopped", "starting", "warming", "nowhere"} {
		s.send("to " + state)
		s.next("rejected", "to", state)
	}
	if after := p.value(); withoutAddress(after) != withoutAddress(before) {
		p.t.Errorf("the record was\n%s and is\n%s", before, after)
	}
}

// withoutAddress removes the address, which is found in the background and may be published late.
func withoutAddress(record string) string {
	return regexp.MustCompile(`"(ipAddress|ip)":("[^"]*"|null),`).ReplaceAllString(record, "")
}

func signalLeavesInOrderAndDeletesTheKey(p pair) {
	for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
		s, registered := p.active()
		s.signal(sig)
		s.next("transition", "from", "active", "to", "stopping")
		s.next("transition", "from", "stopping", "to", "stopped")
		s.next("deregistered", "token", registered.text("token"))
		s.wantExit(program.ExitOK)
		p.wantNoRecord()
	}
}

func everyOrderlyEndDeletesTheKey(p pair) {
	for _, command := range []string{"stop", "quit"} {
		s, _ := p.active()
		s.send(command)
		s.expect("deregistered")
		s.stop()
		s.wantExit(program.ExitOK)
		p.wantNoRecord()
	}
}

// The server reports the time to live, so the test does not depend on its own speed.
func keyOfAKilledProcessExpiresWithinTheTTL(p pair) {
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
	alive.wantExit(exitConflict)
	a.kill()
	never := p.connector("-reclaim", "never")
	never.wantExit(exitConflict)
	b, second := p.active()
	if second.token(p.t) <= first.token(p.t) {
		p.t.Errorf("token %d after %d", second.token(p.t), first.token(p.t))
	}
	b.stop()
	b.wantExit(program.ExitOK)
}

func reclaimByNameTakesTheKeyOfTheLiving(p pair) {
	a, _ := p.active("-ttl", "1h", "-heartbeat", "2s", "-instance", "worker-1")
	other := p.connector("-reclaim", "name", "-instance", "worker-2")
	other.wantExit(exitConflict)
	b, _ := p.active("-reclaim", "name", "-instance", "worker-1")
	a.expect("lost")
	a.wantExit(exitLost)
	b.stop()
	b.wantExit(program.ExitOK)
}

func waitingProcessClaimsAfterARelease(p pair) {
	a, first := p.active("-hostname", "host-a", "-ttl", "1h")
	b := p.waiting()
	a.stop()
	a.wantExit(program.ExitOK)
	if second := b.next("registered"); second.token(p.t) <= first.token(p.t) {
		p.t.Errorf("token %d after %d", second.token(p.t), first.token(p.t))
	}
	b.waitForError("host-a")
}

func waitingProcessClaimsAfterAKill(p pair) {
	a, first := p.active("-ttl", "3s")
	b := p.waiting()
	a.kill()
	if second := b.next("registered"); second.token(p.t) <= first.token(p.t) {
		p.t.Errorf("token %d after %d", second.token(p.t), first.token(p.t))
	}
	b.expect("transition", "to", "active")
}

func waitEndsByStopAndBySignal(p pair) {
	a, first := p.active()
	b := p.waiting()
	b.send("start")
	b.next("error", "error", "waiting for the key already")
	b.send("stop")
	b.send("status")
	b.next("status", "token", first.text("token"))
	b.stop()
	b.wantExit(program.ExitOK)
	c := p.waiting()
	c.stop()
	c.wantExit(program.ExitOK)
	a.send("status")
	a.next("status", "token", first.text("token"))
}

// waiting starts a process, and returns when it waits for the key.
func (p pair) waiting() *session {
	p.t.Helper()
	s := p.connector("-wait", "-reclaim", "never")
	s.waitForError("waiting for it")
	return s
}

// waitForError waits until standard error contains part.
func (s *session) waitForError(part string) {
	s.t.Helper()
	for late := time.Now().Add(patience); !strings.Contains(s.errors(), part); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(late) {
			s.t.Fatalf("standard error never has %q", part)
		}
	}
}

func processPausedBeyondItsTTLLosesTheLeaseAndWritesNothing(p pair) {
	a, first := p.active("-ttl", "3s")
	b := p.waiting()
	a.signal(syscall.SIGSTOP)
	second := b.next("registered")
	b.expect("transition", "to", "active")
	a.signal(syscall.SIGCONT)
	a.expect("lost", "token", first.text("token"))
	a.next("transition", "from", "active", "to", "stopping")
	a.next("transition", "from", "stopping", "to", "stopped")
	a.wantExit(exitLost)
	a.wantError("lost")
	b.send("status")
	l := b.expect("status", "token", second.text("token"))
	if r := l.record(p.t); r.text("connectionState") != "active" || !strings.Contains(p.value(), second.text("instance")) {
		p.t.Errorf("the successor's record is %v", r)
	}
	b.stop()
	b.expect("deregistered")
	b.wantExit(program.ExitOK)
}
