package registry

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/leasehold-go/leasehold/fsm"
	"github.com/leasehold-go/leasehold/lease"
	"github.com/leasehold-go/leasehold/store"
)

const addressLimit = 3 * time.Second // for Config.PublicIP

// Register claims cfg.Key and returns the instance that holds it, in the initial state of def.
// It fails with *[ConflictError] while another instance holds the key, unless cfg says to wait
// or to reclaim; the package documentation has the other errors under Registration.
func Register[S comparable, P any](ctx context.Context, k *lease.Keeper, def *fsm.Definition[S], cfg Config[S, P]) (_ *Instance[S, P], err error) {
	began := time.Now()

	i, machineOptions, err := prepare(k, def, cfg)
	if err != nil {
		return nil, err
	}
	cfg = i.cfg

	phase := HealthRegistering
	if cfg.Wait {
		phase = HealthWaiting
	}
	claiming, endClaim, err := cfg.Health.begin(ctx, phase, cfg.Key)
	if err != nil {
		return nil, err
	}
	defer endClaim()

	if !cfg.NoDefinition {
		i.publisher = newPublisher(k, def, i.definitionFailed)
	}
	// Look for the address at the same time, and stop if there will be no instance.
	life, stop := context.WithCancel(context.WithoutCancel(ctx))
	registered := make(chan struct{}) // closed below once the instance is complete
	i.stop = stop
	go i.locate(life, registered)
	complete := false // also false if Fill, a function of a timeout or an observer does not return
	defer func() {
		if complete {
			return
		}
		stop()
		i.publisher.end()
		cfg.Health.enter(HealthDown, cfg.Key, nil)
		limited, cancel := withEndLimit(ctx)
		defer cancel()
		if i.lease != nil {
			_ = i.lease.Release(ctx)
		}
		if i.machine != nil {
			_ = i.machine.Close(limited)
		}
		err = errors.Join(err, i.awaitSearch(limited))
	}()

	// Claim the key.
	acquired, err := k.Acquire(claiming, cfg.Key, nil, i.acquireOptions()...)
	if err != nil {
		return nil, namingHolder(err)
	}

	// Begin: the machine writes through the lease.
	i.mu.Lock()
	i.token = acquired.Token()
	self := i.confirmed.status.Identity
	i.mu.Unlock()
	i.lease = acquired
	i.log(LogEntry{At: self.Registered, Kind: LogRegistered, Identity: &self}) // before a timeout can move the machine
	i.tell(ctx, Notice{Kind: NoticeRegistered, At: self.Registered, Duration: time.Since(began)})
	machine := fsm.New(def, machineOptions...)
	i.mu.Lock()
	i.machine = machine
	i.mu.Unlock()
	close(registered)
	i.publisher.begin(acquired)
	complete = true
	cfg.Health.enter(HealthHeld, cfg.Key, i)
	go i.gate(life)
	if len(cfg.Observers) > 0 {
		go i.observeEnd()
	} else {
		close(i.observed)
	}
	if cfg.Requests != nil {
		go i.serveRequests(life)
	} else {
		close(i.served)
	}
	return i, nil
}

// prepare returns an instance that has claimed nothing, with the options of its machine. It checks
// everything that can be checked without the store.
func prepare[S comparable, P any](k *lease.Keeper, def *fsm.Definition[S], cfg Config[S, P]) (*Instance[S, P], []fsm.Option, error) {
	if k == nil {
		return nil, nil, &store.InvalidError{What: "keeper", Rule: "must not be nil"}
	}
	if def == nil || len(def.States()) == 0 {
		return nil, nil, &store.InvalidError{What: "definition", Rule: "must be made by fsm.Define"}
	}
	cfg, err := cfg.complete(def)
	if err != nil {
		return nil, nil, err
	}
	if _, ok := k.Store().(store.Requester); !ok && cfg.Requests != nil {
		return nil, nil, &store.InvalidError{Key: cfg.Key, What: "Requests", Rule: "needs a store that passes requests, a store.Requester"}
	}
	i := &Instance[S, P]{
		cfg: cfg, ttl: k.TTL(), def: def,
		searched: make(chan struct{}), gated: make(chan struct{}), served: make(chan struct{}), observed: make(chan struct{}),
	}
	i.confirmed.payload = cfg.Payload
	i.confirmed.status = Status[S]{
		Identity: Identity{Instance: cfg.Instance, Host: cfg.Host, Process: thisProcess()},
		State:    def.Initial(),
	}
	machineOptions := append(slices.Clone(cfg.MachineOptions), fsm.WithWriter(writer[S, P]{i}))
	if len(cfg.Observers) > 0 || cfg.Requests != nil {
		machineOptions = append(machineOptions, fsm.WithObserver(i.observe))
	}
	if err := def.Accepts(machineOptions...); err != nil {
		return nil, nil, fmt.Errorf("machine of %q: %w", cfg.Key, err)
	}
	if _, err := i.encode(i.confirmed); err != nil {
		return nil, nil, err
	}
	return i, machineOptions, nil
}

// acquireOptions returns the options of the lease. No heartbeat is prepared before the create has
// succeeded, so the first value counts as confirmed when it is made.
func (i *Instance[S, P]) acquireOptions() []lease.Option {
	self := i.confirmed.status.Identity
	opts := append(i.logOptions(), lease.WithValueFunc(func() ([]byte, error) {
		defer i.commit()
		return i.stage(func(c *contents[S, P]) {
			now := time.Now().UTC()
			c.status.Registered, c.status.Changed, c.status.Heartbeat = now, now, now
			if i.connected(c.status.State) {
				c.status.Connected = now
			}
		})
	}))
	if !i.cfg.LivenessOnly {
		opts = append(opts, lease.WithHeartbeatValue(func(at time.Time) ([]byte, error) {
			return i.stage(func(c *contents[S, P]) {
				c.status.Heartbeat = at.UTC()
				i.noteStuck(c)
			})
		}, i.commit))
	}
	if i.cfg.Reclaim != ReclaimNever || i.cfg.last.token != 0 {
		opts = append(opts, lease.WithReclaim(func(r store.Record) bool {
			return i.cfg.last.made(r) || i.cfg.Reclaim.allows(self, r)
		}))
	}
	if i.cfg.Wait {
		opts = append(opts, lease.WithWait())
	}
	return opts
}

// locate finds the address of the instance and publishes it once the instance is registered,
// unless the first value already has it. If that write fails, the next value has the address.
func (i *Instance[S, P]) locate(ctx context.Context, registered <-chan struct{}) {
	defer close(i.searched)
	limited, cancel := context.WithTimeout(ctx, addressLimit)
	defer cancel()
	ip, err := i.cfg.PublicIP(limited)
	if err != nil {
		return
	}
	i.mu.Lock()
	i.ip = ip
	i.mu.Unlock()
	select {
	case <-ctx.Done():
		return
	case <-registered:
	}
	i.mu.Lock()
	published := i.confirmed.status.IP == ip
	i.mu.Unlock()
	if !published {
		ctx, cancel := context.WithTimeout(ctx, writeLimit)
		defer cancel()
		_ = i.write(ctx, func(*contents[S, P]) {})
	}
}
