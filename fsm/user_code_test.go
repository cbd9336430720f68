package fsm_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/leasehold-go/leasehold/fsm"
)

// script determines what the user code of a machine does. Machine and interpreter have one
// each, with the same seed: if they run the same code in the same order, it does the same.
type script struct {
	seed   int
	states int
	simple bool           // user code does nothing but return, or fail to, and always the same
	runs   map[string]int // by name, in this step
}

// deed is what user code does when it runs once, in this order.
type deed struct {
	looks   bool   // takes a snapshot, on another goroutine
	cancels bool   // cancels the context of the call
	calls   string // the change that it asks of its own machine: "", "transition", "event" or "reset"
	to      int
	event   string
	sleeps  bool   // for a second
	ending  string // "", "error", "panic" or "goexit"
	fault   string // of the store
}

// next returns what the code of a name does now.
func (s *script) next(name string) (d deed) {
	if s.simple {
		s.runs[name] = 0
	}
	r := rand.New(rand.NewPCG(uint64(s.seed), hash(name)+uint64(s.runs[name])))
	first := s.runs[name] == 0
	s.runs[name]++
	rough := s.seed%3 == 0
	switch n := r.IntN(16); {
	case n < 2 && (name != "err" || r.IntN(8) == 0): // a writer that has ended ends most of the rest
		d.ending = "error"
	case n < 4 && rough:
		d.ending = []string{"panic", "goexit"}[n%2]
	}
	d.fault = append([]string{"lost", "in doubt", "conflict", "no commit", "two commits"}, make([]string, 20)...)[r.IntN(25)]
	if s.simple || name == "err" { // which has no context
		return d
	}
	d.looks, d.cancels, d.sleeps = r.IntN(6) == 0, r.IntN(16) == 0, r.IntN(12) == 0 && first
	if r.IntN(6) == 0 && first {
		d.calls = []string{"transition", "transition", "event", "event", "reset"}[r.IntN(5)]
		d.to, d.event = r.IntN(s.states+2)-1, fmt.Sprint("e", r.IntN(4))
	}
	return d
}

// random returns a number below n, which is the same throughout a step.
func (s *script) random(name string, n uint32) uint32 {
	return uint32(rand.New(rand.NewPCG(uint64(s.seed), hash("random "+name))).Uint64N(uint64(n)))
}

func hash(name string) uint64 {
	h := fnv.New64a()
	h.Write([]byte(name))
	return h.Sum64()
}

// seconds returns the duration of a TimeoutFunc.
func (s *script) seconds(name string) int { return 1 + int(s.random(name, 6)) }

// choice returns the target that a Choose function returns: mostly a declared one.
func (s *script) choice(rule eventRule) int {
	if s.random("undeclared", 5) == 0 {
		return int(s.random(rule.name, 6)) - 1
	}
	return rule.to[s.random(rule.name, uint32(len(rule.to)))]
}

// userCode is the user code of a machine, and the machine's data.
type userCode struct {
	code   map[string]bool // the names of code that does something
	events map[string]textEvent
	began  time.Time

	mu     sync.Mutex
	m      *fsm.Machine[int] // nil until New has returned
	script script
	ran    []string // in this step
	kept   *fsm.Snapshot[int]
}

// codeOf is the data of a machine.
var codeOf = fsm.NewData[*userCode]("user code")

// ownCall is the key of the context of a call; the value cancels it. The context of a timeout
// has none.
type ownCall struct{}

var errEnded = errors.New("ended")

// begin begins the next step.
func (u *userCode) begin(seed int) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.script.seed, u.script.runs, u.ran = seed, make(map[string]int), nil
}

func (u *userCode) add(line string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.ran = append(u.ran, line)
}

// lines returns what the user code of the machine did in the step.
func (u *userCode) lines() []string {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.ran
}

// scripted asks the script, for code that runs at a time.
func (u *userCode) scripted(ask func(*script)) {
	u.mu.Lock()
	defer u.mu.Unlock()
	ask(&u.script)
}

// runs returns the guard or hook of a name.
func runs(name string) func(context.Context, intTransition) error {
	return func(ctx context.Context, _ intTransition) error { return codeOf.Of(ctx).run(ctx, name) }
}

// run is user code of the machine.
func (u *userCode) run(ctx context.Context, name string) error {
	if !u.code[name] {
		return nil
	}
	u.mu.Lock()
	m, d := u.m, deed{}
	if m != nil {
		d = u.script.next(name)
	}
	u.mu.Unlock()
	if m == nil {
		return nil // New asks for the durations of timeouts
	}
	if ctx.Err() != nil {
		name += ", context ended"
	}
	u.add(name)
	if d.looks {
		u.look(m)
	}
	if cancel, ok := ctx.Value(ownCall{}).(context.CancelFunc); ok && d.cancels {
		cancel()
	}
	if d.calls != "" {
		u.add(fmt.Sprint(d.calls, ": ", outcomeOf(u.ask(ctx, m, d))))
	}
	if d.sleeps {
		time.Sleep(time.Second)
	}
	switch {
	case d.ending == "error":
		return errBoom
	case d.ending == "":
		return nil
	case d.ending == "panic" && ctx.Value(ownCall{}) != nil: // a test cannot recover the panic of a timeout
		panic(errPanicked)
	}
	runtime.Goexit()
	return nil
}

// look takes a snapshot on another goroutine.
func (u *userCode) look(m *fsm.Machine[int]) {
	taken := make(chan fsm.Snapshot[int])
	go func() { taken <- m.Snapshot() }()
	s := <-taken
	u.add(describe(s, u.began))
	u.mu.Lock()
	defer u.mu.Unlock()
	u.kept = &s
}

// ask asks the machine for a change from within.
func (u *userCode) ask(ctx context.Context, m *fsm.Machine[int], d deed) error {
	switch d.calls {
	case "transition":
		return m.TransitionWithCause(ctx, d.to, "from within")
	case "event":
		return fsm.Fire(ctx, m, u.events[d.event], "for "+d.event)
	}
	return m.Reset(ctx, "from within")
}

// describe returns a snapshot as text, with times in seconds.
func describe(s fsm.Snapshot[int], began time.Time) string {
	seconds := func(t time.Time) float64 { return t.Sub(began).Seconds() }
	r := record{state: s.State, since: int(seconds(s.Since)), number: int(s.Number), unstarted: s.Unstarted, memory: make(map[int]int)}
	for _, t := range s.History {
		r.past = append(r.past, describeTransition(t, began))
	}
	for _, p := range s.Timeouts {
		r.running = append(r.running, runningTimeout{&timeoutRule{state: p.State, to: p.To}, int(seconds(p.Due))})
	}
	for _, h := range s.HistoryStates {
		r.memory[h.Parent] = h.Last
	}
	return r.String()
}

func describeTransition(t intTransition, began time.Time) string {
	kind := ""
	if t.Forced {
		kind = "forced"
	}
	if t.Start {
		kind = "start"
	}
	return past(int(t.Number), t.From, t.To, t.Event, t.Cause, kind, int(t.At.Sub(began).Seconds()))
}

// past returns an entry of the history as text.
func past(number, from, to int, event, cause, kind string, at int) string {
	return fmt.Sprintf("%d: %d>%d %s %q %s at %d", number, from, to, event, cause, kind, at)
}

// unreliableStore is a writer with the contract of [fsm.Writer], which it breaks at times.
type unreliableStore struct {
	u     *userCode
	ended bool
	value []byte
	doubt []byte // may have been stored; nil if that is settled
}

// encodingStore makes the value itself.
type encodingStore struct{ *unreliableStore }

func (s encodingStore) EncodeSnapshot(ctx context.Context, snapshot fsm.Snapshot[int]) ([]byte, error) {
	return encodeInt(ctx, snapshot)
}

// Err runs in the turn, as Write does, so nothing else does.
func (s *unreliableStore) Err() error {
	if !s.u.code["err"] {
		return nil
	}
	var d deed
	s.u.scripted(func(script *script) { d = script.next("err") })
	s.u.add("err")
	switch d.ending {
	case "error":
		s.ended = true
	case "panic", "goexit":
		runtime.Goexit()
	}
	if s.ended {
		return errEnded
	}
	return nil
}

func (s *unreliableStore) HandleTimeoutError(ctx context.Context, _ error) {
	_ = s.u.run(ctx, "writer told")
}

var errInDoubt = errors.New("in doubt")

func (s *unreliableStore) Write(ctx context.Context, encode func() ([]byte, error), commit func()) error {
	if err := cmp.Or(s.u.run(ctx, "write"), ctx.Err()); err != nil {
		return err
	}
	s.settle()
	value, err := encode()
	if err != nil {
		return err
	}
	var d deed
	s.u.scripted(func(script *script) { d = script.next("store") })
	switch d.fault {
	case "lost":
		return errBoom
	case "in doubt":
		s.doubt = slices.Clone(value)
		return errInDoubt
	case "conflict":
		return fmt.Errorf("%w: elsewhere", fsm.ErrConflict)
	case "no commit":
		return nil
	}
	s.value = slices.Clone(value)
	commit()
	if d.fault == "two commits" {
		commit()
	}
	return s.u.run(ctx, "committed")
}

// settle settles the doubt.
func (s *unreliableStore) settle() {
	if s.doubt != nil {
		s.u.scripted(func(script *script) {
			if script.random("settled", 2) == 0 {
				s.value = s.doubt
			}
		})
	}
	s.doubt = nil
}
