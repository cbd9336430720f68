package lease

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/leasehold-go/leasehold/internal/ctxerr"
	"github.com/leasehold-go/leasehold/store"
)

const (
	// DefaultTTL is the time to live of a record after its last renew.
	DefaultTTL = 45 * time.Second

	minHeartbeat = 10 * time.Millisecond

	maxTry   = 3 * time.Second // for one request, at most
	maxGrace = 5 * time.Second // for a release in all, and for Close without progress
)

// Config has the settings of a keeper. Zero fields are the defaults.
type Config struct {
	// TTL is how long a record outlives its last renew; [DefaultTTL] if zero.
	// The store may ask for a minimum.
	TTL time.Duration
	// Heartbeat is the longest time between two renewals, a third of TTL if
	// zero, at most a half. Each is up to a tenth earlier, at random.
	Heartbeat time.Duration
	// OnRenew, if set, is called after each attempt to renew a lease, and after the commit of
	// its value.
	OnRenew func(RenewAttempt)
	// OnAcquire, if set, is called after each call of [Keeper.Acquire] on an open keeper.
	OnAcquire func(AcquireAttempt)
	// OnLoss, if set, is called once for each lease that is lost.
	//
	// Each of the three has a goroutine of its own and gets its events one at a time, in order.
	// None holds up calls, renewals, the end of a lease or another. If OnRenew or OnAcquire is so
	// slow that 16384 attempts wait for it, later ones are dropped; see [RenewAttempt]. A loss is
	// never dropped. A panic is logged through log/slog and counted in the error of Close; the
	// callback is called for the next event all the same. All may call [Keeper.Close].
	OnLoss func(*LostError)
}

// AcquireAttempt is a finished call of [Keeper.Acquire].
type AcquireAttempt struct {
	Key      string
	Token    store.Token // zero with an error
	Waits    bool        // whether it had [WithWait]
	At       time.Time   // when it began
	Duration time.Duration
	Err      error
	Dropped  int // attempts before this one of which OnAcquire was not told, because it was too slow
}

// RenewAttempt is one attempt to renew a lease.
type RenewAttempt struct {
	Key      string
	Token    store.Token
	At       time.Time     // when the attempt began
	Duration time.Duration // of the call to the store that carried its batch; zero if no call was made
	Left     time.Duration // of the trust window when the answer came, before it was moved on: how near a loss was
	Err      error         // nil if the store confirmed it
	Dropped  int           // attempts before this one of which OnRenew was not told, because it was too slow
	// Skipped is why the value was left out that the attempt should have carried, see
	// [WithHeartbeatValue]: the error of encode, [ErrLate], *[PanicError], or
	// *[store.InvalidError]. It is also the *[PanicError] of a commit.
	Skipped error
}

// Keeper acquires keys of one store and keeps them. Make one with [NewKeeper]
// and end it with [Keeper.Close]; its methods may be called from any number of
// goroutines.
type Keeper struct {
	store store.Store
	cfg   Config

	began    time.Time // the origin of every moment
	schedule *schedule
	waits    waits
	renewed  *observer[RenewAttempt] // nil without OnRenew
	acquired *observer[AcquireAttempt]
	losses   *observer[*LostError] // nil without OnLoss

	open context.Context // ends, with ErrClosed, when Close begins
	shut context.CancelCauseFunc
	life context.Context // of every goroutine; ends when they have nothing left to do
	kill context.CancelFunc
	runs sync.WaitGroup // goroutines that return when life ends

	creating *ctxerr.Limits // of one request each
	deleting *ctxerr.Limits // also after Close has begun

	mu      sync.Mutex // orders the first of calls against Close
	calls   group      // of Acquire
	settler settler    // of the creates that are in doubt

	callbacks group // goroutines in a callback
	panics    atomic.Int64
	progress  atomic.Pointer[func()] // of the last Close
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
	k := &Keeper{store: st, cfg: cfg, began: time.Now()}
	k.life, k.kill = context.WithCancel(context.Background())
	k.open, k.shut = context.WithCancelCause(context.Background())
	k.creating = ctxerr.NewLimits(k.open, k.limit())
	k.deleting = ctxerr.NewLimits(context.Background(), k.limit())
	if cfg.OnRenew != nil {
		k.renewed = &observer[RenewAttempt]{
			keeper: k, name: "OnRenew", call: cfg.OnRenew,
			most: maxAttempts, count: func(a *RenewAttempt, n int) { a.Dropped = n },
		}
	}
	if cfg.OnAcquire != nil {
		k.acquired = &observer[AcquireAttempt]{
			keeper: k, name: "OnAcquire", call: cfg.OnAcquire,
			most: maxAttempts, count: func(a *AcquireAttempt, n int) { a.Dropped = n },
		}
	}
	if cfg.OnLoss != nil {
		k.losses = &observer[*LostError]{keeper: k, name: "OnLoss", call: cfg.OnLoss}
	}
	k.schedule = newSchedule(k)
	k.settler = settler{keeper: k, pauses: newBackoff(min(cfg.Heartbeat, maxTry))}
	k.runs.Go(k.keep)
	if st, ok := st.(store.DeleteNotifier); ok {
		deletions := st.Deletions(k.life) // of the first lease too
		k.runs.Go(func() {
			// The store says of each key whether the lease still has its record.
			for key := range deletions {
				k.schedule.alert(key, k.moment(time.Now()))
			}
		})
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

// Stats is the state of a keeper at one moment.
type Stats struct {
	Held    int // leases that it renews
	Waiting int // calls of Acquire that wait for another holder
	// TrustLeft is the rest of the trust window that ends first; zero without a lease. A
	// window is as long as the TTL, less a margin, after each renew.
	TrustLeft time.Duration
}

// Stats returns the state of the keeper. It looks at each lease.
func (k *Keeper) Stats() Stats {
	s := Stats{Waiting: k.waits.count()}
	s.Held, s.TrustLeft = k.schedule.stats(time.Now())
	return s
}

// TTL returns the time to live of the keeper's records.
func (k *Keeper) TTL() time.Duration { return k.cfg.TTL }

// keep looks after the leases until the keeper's life ends. It has the keeper's only timer,
// which runs for a second at most: the monotonic clock, which drives it, stands still while
// the machine is suspended.
func (k *Keeper) keep() {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for k.life.Err() == nil {
		if next := k.schedule.survey(time.Now()); next == never {
			timer.Stop()
		} else {
			timer.Reset(time.Until(k.began.Add(time.Duration(next - 1))))
		}
		select {
		case <-k.life.Done():
		case <-k.schedule.wake:
		case <-timer.C:
		}
	}
}

// moment returns a time by the monotonic clock. It is never zero.
func (k *Keeper) moment(t time.Time) moment { return moment(t.Sub(k.began) + 1) }

// drift returns by how much the wall clock is ahead of the monotonic one since the keeper was
// made.
func (k *Keeper) drift(now time.Time) time.Duration {
	return now.Round(0).Sub(k.began.Round(0)) - now.Sub(k.began)
}

// lost drops a lease that has just been lost, and reports it.
func (k *Keeper) lost(l *lease, reason error) {
	k.schedule.forget(l)
	k.reportLoss(l, reason)
}

// reportLoss tells OnLoss. An earlier copy of a create that was repeated can still be on its way
// to the store, and must not create a record that nobody holds.
func (k *Keeper) reportLoss(l *lease, reason error) {
	if l.nonce != nil {
		k.settler.settle(l.key, *l.nonce)
	}
	if lost, ok := reason.(*LostError); ok && k.losses != nil {
		k.losses.add(lost)
	}
}

// renewNow has a lease renewed at once.
func (k *Keeper) renewNow(l *lease) {
	k.schedule.mu.Lock()
	defer k.schedule.mu.Unlock()
	k.schedule.renewNow(l, k.moment(time.Now()))
}

// enter counts a call of Acquire, which Close waits for, unless Close has begun.
func (k *Keeper) enter() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.open.Err() != nil {
		return false
	}
	k.calls.add()
	return true
}

// limit is the time for one request: short, so that several fit into a window.
func (k *Keeper) limit() time.Duration {
	return min(k.cfg.Heartbeat/2, maxTry)
}

// passing reports whether the same call may succeed later.
func passing(err error) bool {
	return errors.Is(err, store.ErrUnavailable) || errors.Is(err, store.ErrInDoubt)
}
