package lease

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"sync"
	"time"

	"github.com/leasehold-go/leasehold/store"
)

const (
	// DefaultTTL is the time to live of a record after its last renew.
	DefaultTTL = 45 * time.Second

	shards       = 4
	minHeartbeat = 10 * time.Millisecond

	maxTry   = 3 * time.Second // for one request, at most
	maxGrace = 5 * time.Second // for a release, in all
)

// Config is what a keeper needs beyond its store. Zero fields are the defaults.
type Config struct {
	// TTL is how long a record outlives its last renew; [DefaultTTL] if zero.
	// The store may ask for a minimum.
	TTL time.Duration
	// Heartbeat is the longest time between two renewals, a third of TTL if
	// zero, at most a half. Each is up to a tenth earlier, at random.
	Heartbeat time.Duration
	// OnRenew, if set, is called after each attempt to renew a lease.
	OnRenew func(RenewAttempt)
	// OnLoss, if set, is called once for each term that is lost.
	//
	// Both are called from the keeper's own goroutines, for different terms
	// possibly at the same time. They hold up the renewals while they run, and
	// OnLoss the moment at which another term's Done is closed (not Valid); they
	// must not call Close.
	OnLoss func(*LostError)
}

// RenewAttempt is one attempt to renew a lease.
type RenewAttempt struct {
	Key      string
	Token    store.Token
	At       time.Time     // when the attempt began
	Duration time.Duration // of the call to the store that carried its batch; zero if no call was made
	Err      error         // nil if the store confirmed it
	Skipped  error         // why the value that it should have carried was left out; see [WithHeartbeatValue]
}

// Keeper acquires keys of one store and keeps them. Make one with [NewKeeper]
// and end it with [Keeper.Close]; its methods may be called from any number of
// goroutines.
type Keeper struct {
	store store.Store
	cfg   Config

	seed   maphash.Seed
	shards [shards]*shard

	open context.Context // ends, with ErrClosed, when Close begins
	shut context.CancelCauseFunc
	life context.Context // of every goroutine; ends when they have nothing left to do
	kill context.CancelFunc
	runs sync.WaitGroup // shards

	mu    sync.Mutex     // orders the first of calls against Close
	calls sync.WaitGroup // of Acquire, and creates that they left to be settled
}

// NewKeeper returns a keeper of leases on st. It fails with
// *[store.InvalidError] for a configuration that cannot work.
func NewKeeper(st store.Store, cfg Config) (*Keeper, error) {
	if st == nil {
		return nil, &store.InvalidError{What: "store", Rule: "must not be nil"}
	}
	cfg, err := cfg.complete(store.CapabilitiesOf(st))
	if err != nil {
		return nil, err
	}
	k := &Keeper{store: st, cfg: cfg, seed: maphash.MakeSeed()}
	k.life, k.kill = context.WithCancel(context.Background())
	k.open, k.shut = context.WithCancelCause(context.Background())
	for i := range k.shards {
		s := newShard(k)
		k.shards[i] = s
		k.runs.Go(func() { s.run(k.life) })
	}
	if st, ok := st.(store.DeleteNotifier); ok {
		k.runs.Go(func() { k.listen(st) })
	}
	return k, nil
}

// complete fills in the defaults and checks the whole.
func (c Config) complete(caps store.Capabilities) (Config, error) {
	if c.TTL == 0 {
		c.TTL = DefaultTTL
	}
	if err := store.CheckTTL(c.TTL, caps.MinTTL); err != nil {
		return c, err
	}
	if c.Heartbeat == 0 {
		c.Heartbeat = c.TTL / 3
	}
	if c.Heartbeat < minHeartbeat || c.Heartbeat > c.TTL/2 {
		return c, &store.InvalidError{
			What: "heartbeat",
			Got:  c.Heartbeat.String(),
			Rule: fmt.Sprintf("must be at least %v and at most half of the ttl, which is %v", minHeartbeat, c.TTL),
		}
	}
	return c, nil
}

// Store returns the store that the keeper was made with.
func (k *Keeper) Store() store.Store { return k.store }

// TTL returns the time to live of the keeper's records.
func (k *Keeper) TTL() time.Duration { return k.cfg.TTL }

// Close releases every lease, each as [Lease.Release] does and all within its
// limit of time, and returns when everything that the keeper started has
// stopped. After it, Acquire fails with [ErrClosed]. The store stays open.
func (k *Keeper) Close(ctx context.Context) error {
	k.mu.Lock()
	k.shut(ErrClosed)
	k.mu.Unlock()
	ctx, cancel := grace(ctx)
	defer cancel()
	err := k.releaseAll(ctx)

	defer context.AfterFunc(ctx, k.kill)()
	k.calls.Wait()
	k.kill()
	k.runs.Wait()
	return err
}

// releaseAll releases what every shard holds, a bounded number at a time.
func (k *Keeper) releaseAll(ctx context.Context) error {
	const workers = 16
	var (
		wg    sync.WaitGroup
		mu    sync.Mutex
		errs  []error
		queue = make(chan *term)
	)
	for range workers {
		wg.Go(func() {
			for t := range queue {
				if err := t.release(ctx); err != nil {
					mu.Lock()
					errs = append(errs, err)
					mu.Unlock()
				}
			}
		})
	}
	for _, s := range k.shards {
		for _, t := range s.close() {
			queue <- t
		}
	}
	close(queue)
	wg.Wait()
	return errors.Join(errs...)
}

// enter counts a call of Acquire, which Close waits for, unless it is too late.
func (k *Keeper) enter() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.open.Err() != nil {
		return false
	}
	k.calls.Add(1)
	return true
}

// listen has a term renewed at once whose record may have been deleted: the store then
// says whether it was.
func (k *Keeper) listen(st store.DeleteNotifier) {
	for key := range st.Deletions(k.life) {
		k.shardOf(key).alert(key)
	}
}

func (k *Keeper) shardOf(key string) *shard {
	return k.shards[maphash.String(k.seed, key)%shards]
}

// limit is the time for one request: short, so that several fit into a window.
func (k *Keeper) limit() time.Duration {
	return min(k.cfg.Heartbeat/2, maxTry)
}

// remove deletes until that succeeds, fails for good, or ctx ends.
func (k *Keeper) remove(ctx context.Context, key string, ref store.LeaseRef) error {
	pauses := newBackoff(min(k.cfg.Heartbeat, maxTry)) // a release has not much more time than that
	for {
		err := k.removeOnce(ctx, key, ref)
		if err == nil || !passing(err) || !pauses.sleep(ctx) {
			return err
		}
	}
}

func (k *Keeper) removeOnce(ctx context.Context, key string, ref store.LeaseRef) error {
	ctx, cancel := context.WithTimeout(ctx, k.limit())
	defer cancel()
	return sound("delete", key, k.store.Delete(ctx, key, ref))
}

// passing reports whether the same call may succeed later.
func passing(err error) bool {
	return errors.Is(err, store.ErrUnavailable) || errors.Is(err, store.ErrInDoubt)
}

// grace returns a context for what has to be done even if ctx has ended.
func grace(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), maxGrace)
}
