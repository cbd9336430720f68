package registry_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/leasehold-go/leasehold/fsm"
	"github.com/leasehold-go/leasehold/lease"
	"github.com/leasehold-go/leasehold/registry"
	"github.com/leasehold-go/leasehold/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const key = "exchange:1:status"

// Times of most tests.
const (
	ttl       = 10 * time.Second
	heartbeat = 3 * time.Second
)

type State string

const (
	Idle     State = "idle"
	Starting State = "starting"
	Warming  State = "warming"
	Active   State = "active"
	Stopping State = "stopping"
	Stopped  State = "stopped"
)

var table = fsm.Table[State]{
	Idle:     {Starting},
	Starting: {Warming, Stopping, Idle},
	Warming:  {Active, Stopping, Idle},
	Active:   {Stopping, Warming},
	Stopping: {Stopped},
	Stopped:  {Idle},
}

var lifecycle = fsm.MustDefine(Idle, table)

// payload publishes the whole status.
type payload struct {
	Count int                    `json:"count"`
	Note  note                   `json:"note,omitempty"`
	Seen  registry.Status[State] `json:"seen"`
	Ends  chan struct{}          `json:"-"`
}

// note is a string that fails to marshal if it is unencodable.
type note string

const unencodable note = "unencodable"

func (n note) MarshalJSON() ([]byte, error) {
	if n == unencodable {
		return nil, errBoom
	}
	return json.Marshal(string(n))
}

type (
	config   = registry.Config[State, payload]
	instance = registry.Instance[State, payload]
	record   = registry.Record[payload]
)

var errBoom = errors.New("boom")

// noAddress is a PublicIP that fails.
func noAddress(context.Context) (netip.Addr, error) { return netip.Addr{}, errBoom }

func configure(changes ...func(*config)) config {
	cfg := config{
		Key:       key,
		Fill:      func(p *payload, s registry.Status[State]) { p.Seen = s },
		Connected: []State{Active},
		LeavePath: []State{Stopping, Stopped},
		Host:      "host-a",
		PublicIP:  noAddress,
	}
	for _, change := range changes {
		change(&cfg)
	}
	return cfg
}

// newKeeper returns a keeper that is closed when the test ends.
func newKeeper(t testing.TB, st store.Store, changes ...func(*lease.Config)) *lease.Keeper {
	t.Helper()
	cfg := lease.Config{TTL: ttl, Heartbeat: heartbeat}
	for _, change := range changes {
		change(&cfg)
	}
	k, err := lease.NewKeeper(st, cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = k.Close(context.Background()) })
	return k
}

// register returns an instance that is deregistered when the test ends.
func register(t testing.TB, k *lease.Keeper, changes ...func(*config)) *instance {
	t.Helper()
	inst, err := registry.Register(t.Context(), k, lifecycle, configure(changes...))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = inst.Deregister(context.Background()) })
	return inst
}

// move makes transitions along a path.
func move(t testing.TB, inst *instance, path ...State) {
	t.Helper()
	for _, s := range path {
		if err := inst.Transition(t.Context(), s); err != nil {
			t.Fatal(err)
		}
	}
}

// published returns the record under the key.
func published(t testing.TB, st store.Store) record {
	t.Helper()
	e, err := registry.Get[payload](context.Background(), st, key)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// wantGone fails if there is a record under the key.
func wantGone(t testing.TB, st store.Store) {
	t.Helper()
	if e, err := registry.Get[payload](context.Background(), st, key); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("got %+v, %v; want no record", e, err)
	}
}

// diff returns the differences of two values that may contain addresses.
func diff(want, got any) string {
	return cmp.Diff(want, got, cmp.Comparer(func(a, b netip.Addr) bool { return a == b }))
}

// disagreement returns how the record differs from the status, both in the payload and in the
// registry's part.
func disagreement(st store.Store, inst *instance) string {
	e, err := registry.Get[payload](context.Background(), st, key)
	if err != nil {
		return err.Error()
	}
	s, seen := inst.Status(), e.Payload.Seen
	if seen.Token == 0 {
		seen.Token = s.Token // the first value is made before the token is known
	}
	part := registry.Status[State]{
		Identity: e.Identity, Token: e.Token, State: State(e.State), Changed: e.Changed,
		Connected: s.Connected, Heartbeat: s.Heartbeat, LastError: s.LastError, LastErrorAt: s.LastErrorAt,
	}
	for _, t := range e.History {
		part.History = append(part.History, fsm.Transition[State]{
			Number: t.Number, From: State(t.From), To: State(t.To), Event: t.Event, At: t.At, Cause: t.Cause, Forced: t.Forced, Start: t.Start,
		})
	}
	return diff(s, seen) + diff(s, part)
}

// wantAgreement fails if record and status disagree.
func wantAgreement(t testing.TB, st store.Store, inst *instance) {
	t.Helper()
	if d := disagreement(st, inst); d != "" {
		t.Errorf("record and status disagree (-status +record):\n%s", d)
	}
}
