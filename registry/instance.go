package registry

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/leasehold-go/leasehold/fsm"
	"github.com/leasehold-go/leasehold/lease"
	"github.com/leasehold-go/leasehold/store"
)

// Instance is a registered instance: an identity, a machine and a lease. Its
// methods may be called from any number of goroutines. It comes from [Register].
type Instance[S comparable, P any] struct {
	cfg     Config[S, P]
	ttl     time.Duration
	def     *fsm.Definition[S]
	machine *fsm.Machine[S]
	lease   lease.Lease

	stopSearch context.CancelFunc // of the search for the address
	search     sync.WaitGroup

	mu    sync.Mutex
	ip    netip.Addr  // zero until it is found
	token store.Token // zero until it is granted
	facts facts[S, P] // as the store last confirmed them, but for the token
	// staged are the facts in the value that is being written. The lease
	// serialises what touches them: encode sets them, commit takes them over.
	staged facts[S, P]
}

// Machine returns the instance's machine.
func (i *Instance[S, P]) Machine() *fsm.Machine[S] { return i.machine }

// Lease returns the instance's lease.
func (i *Instance[S, P]) Lease() lease.Lease { return i.lease }

// State returns the state that the machine is in.
func (i *Instance[S, P]) State() S { return i.machine.State() }

// Status returns what the instance last published; and, once its term has ended,
// where its machine has gone since.
func (i *Instance[S, P]) Status() Status[S] {
	s := i.confirmed().status.clone()
	if i.lease.Err() != nil {
		s.follow(i.machine.Snapshot(), i.connected)
	}
	return s
}

// Transition moves the machine and publishes where it is; see
// [fsm.Machine.Transition].
func (i *Instance[S, P]) Transition(ctx context.Context, to S) error {
	return i.machine.Transition(ctx, to)
}

// TransitionWithCause is Transition with a cause that the history keeps.
func (i *Instance[S, P]) TransitionWithCause(ctx context.Context, to S, cause string) error {
	return i.machine.TransitionWithCause(ctx, to, cause)
}

// Update changes the user's payload and publishes it. change gets a copy made by
// assignment: what hangs from it by pointer, slice or map is to be replaced, not
// changed in place. If the write fails the payload stays as it was. The errors
// are those of [lease.Lease.Write]. change must not call the instance.
func (i *Instance[S, P]) Update(ctx context.Context, change func(*P)) error {
	return i.write(ctx, func(f *facts[S, P]) { change(&f.payload) })
}

// RecordError publishes err as the last error, with the time, or that there is
// none if err is nil.
func (i *Instance[S, P]) RecordError(ctx context.Context, err error) error {
	return i.write(ctx, func(f *facts[S, P]) {
		f.status.LastError, f.status.LastErrorAt = "", time.Time{}
		if err != nil {
			f.status.LastError, f.status.LastErrorAt = err.Error(), time.Now().UTC()
		}
	})
}

// Deregister lets go of the key, whatever state the machine is in, and returns
// when everything that the instance started has stopped; a machine with timeouts is
// closed, since it would move on by itself. It may be called again; see
// [lease.Lease.Release]. [Instance.Leave] is the orderly way.
func (i *Instance[S, P]) Deregister(ctx context.Context) error {
	i.stopSearch()
	defer i.search.Wait() // last: a search that takes its time does not keep the key
	err := i.lease.Release(ctx)
	if len(i.def.Timeouts()) > 0 { // or it would move on by itself
		err = errors.Join(err, i.machine.Close(ctx))
	}
	return err
}

// write publishes what change makes of the facts.
func (i *Instance[S, P]) write(ctx context.Context, change func(*facts[S, P])) error {
	return i.lease.Write(ctx, func() ([]byte, error) { return i.stage(change) }, i.commit)
}

// stage makes the value for what change makes of the facts.
func (i *Instance[S, P]) stage(change func(*facts[S, P])) ([]byte, error) {
	i.staged = i.next()
	change(&i.staged)
	return i.encode(i.staged)
}

// encode makes the value for f, with what the user wants of the status in the
// payload.
func (i *Instance[S, P]) encode(f facts[S, P]) ([]byte, error) {
	if i.cfg.Fill != nil {
		i.cfg.Fill(&f.payload, f.status.clone())
	}
	return encode(f.payload, newOwn(f.status, i.ttl))
}

// commit takes over what the store has confirmed.
func (i *Instance[S, P]) commit() {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.facts = i.staged
}

// confirmed returns the facts as the store has them.
func (i *Instance[S, P]) confirmed() facts[S, P] {
	i.mu.Lock()
	defer i.mu.Unlock()
	f := i.facts
	f.status.Token = i.token
	return f
}

// next returns the facts from which the next value is made.
func (i *Instance[S, P]) next() facts[S, P] {
	i.mu.Lock()
	defer i.mu.Unlock()
	f := i.facts
	f.status.Token, f.status.IP = i.token, i.ip
	return f
}

// heartbeat makes the value of a heartbeat.
func (i *Instance[S, P]) heartbeat(at time.Time) ([]byte, error) {
	return i.stage(func(f *facts[S, P]) { f.status.Heartbeat = at.UTC() })
}

// connected reports whether a state is one of those that the user named, or lies
// within one.
func (i *Instance[S, P]) connected(state S) bool {
	return slices.ContainsFunc(i.cfg.Connected, func(s S) bool { return i.def.In(state, s) })
}

// locate looks for the address beside everything else. It publishes it once the
// instance is registered, unless the first value had it; should that fail, the next
// value that is written has it.
func (i *Instance[S, P]) locate(ctx context.Context, registered <-chan struct{}) {
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
	case <-registered:
		if i.confirmed().status.IP != ip {
			_ = i.write(ctx, func(*facts[S, P]) {})
		}
	}
}

// writer is an instance as the [fsm.Writer] of its machine. The value is the instance's
// status, and the instance takes it over together with the machine.
type writer[S comparable, P any] struct{ i *Instance[S, P] }

func (w writer[S, P]) Write(ctx context.Context, encode func() ([]byte, error), commit func()) error {
	return w.i.lease.Write(ctx, encode, func() {
		commit()
		w.i.commit()
	})
}

func (w writer[S, P]) Err() error { return w.i.lease.Err() }

func (w writer[S, P]) EncodeSnapshot(_ context.Context, m fsm.Snapshot[S]) ([]byte, error) {
	return w.i.stage(func(f *facts[S, P]) { f.status.follow(m, w.i.connected) })
}
