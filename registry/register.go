package registry

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/leasehold-go/leasehold/fsm"
	"github.com/leasehold-go/leasehold/lease"
	"github.com/leasehold-go/leasehold/store"
)

// Register claims cfg.Key and returns the instance that holds it, in the initial
// state of def, published.
//
// It fails with *[ConflictError] while another instance holds the key, unless cfg
// says to wait or to reclaim; with *[store.ForeignError] if another program put
// something there; with [ErrBadPayload] or *[store.InvalidError] for what cannot be
// published; with *[fsm.OptionError] for machine options that
// do not fit, or a def with an [fsm.Encode] rule: the record is the instance's status;
// and as [lease.Keeper.Acquire] does.
func Register[S comparable, P any](ctx context.Context, k *lease.Keeper, def *fsm.Definition[S], cfg Config[S, P]) (*Instance[S, P], error) {
	i, err := newInstance(k, def, cfg)
	if err != nil {
		return nil, err
	}
	life, stop := context.WithCancel(context.WithoutCancel(ctx))
	registered := make(chan struct{})
	i.stopSearch = stop
	i.search.Go(func() { i.locate(life, registered) })

	held, err := i.claim(ctx, k)
	if err != nil {
		stop()
		i.search.Wait()
		return nil, conflict(err)
	}
	i.begin(held)
	close(registered)
	return i, nil
}

// newInstance checks everything that can be checked without the store, and returns
// an instance that holds no lease.
func newInstance[S comparable, P any](k *lease.Keeper, def *fsm.Definition[S], cfg Config[S, P]) (*Instance[S, P], error) {
	if k == nil {
		return nil, &store.InvalidError{What: "keeper", Rule: "must not be nil"}
	}
	if def == nil {
		return nil, &store.InvalidError{What: "definition", Rule: "must not be nil"}
	}
	cfg, err := cfg.complete(def)
	if err != nil {
		return nil, err
	}
	i := &Instance[S, P]{cfg: cfg, ttl: k.TTL(), def: def}
	i.facts.payload = cfg.Payload
	i.facts.status.Identity = Identity{Instance: cfg.Instance, Host: cfg.Host, Process: thisProcess()}
	i.facts.status.State = def.Initial()
	if err := def.Accepts(i.machineOptions()...); err != nil {
		return nil, fmt.Errorf("machine of %q: %w", cfg.Key, err)
	}
	_, err = i.encode(i.next())
	return i, err
}

// claim acquires the key, taking it back if the policy says so.
func (i *Instance[S, P]) claim(ctx context.Context, k *lease.Keeper) (lease.Lease, error) {
	opts := []lease.Option{lease.WithValueFunc(i.initial)}
	if !i.cfg.LivenessOnly {
		opts = append(opts, lease.WithHeartbeatValue(i.heartbeat, i.commit))
	}
	if i.cfg.Reclaim != ReclaimNever {
		self := i.facts.status.Identity
		opts = append(opts, lease.WithReclaim(func(r store.Record) bool { return i.cfg.Reclaim.allows(self, r) }))
	}
	if i.cfg.Wait {
		opts = append(opts, lease.WithWait())
	}
	return k.Acquire(ctx, i.cfg.Key, nil, opts...)
}

// initial makes the first value. Nothing else is written yet.
func (i *Instance[S, P]) initial() ([]byte, error) {
	now, first := time.Now().UTC(), i.next()
	s := &first.status
	s.Registered, s.Changed, s.Heartbeat = now, now, now
	if i.connected(s.State) {
		s.Connected = now
	}
	i.mu.Lock()
	i.facts = first
	i.mu.Unlock()
	return i.encode(first)
}

func (i *Instance[S, P]) machineOptions() []fsm.Option {
	return append(slices.Clone(i.cfg.MachineOptions), fsm.WithWriter(writer[S, P]{i}))
}

// begin puts the machine on the lease.
func (i *Instance[S, P]) begin(held lease.Lease) {
	i.mu.Lock()
	i.token = held.Token()
	i.mu.Unlock()
	i.lease = held
	i.machine = fsm.New(i.def, i.machineOptions()...)
}
