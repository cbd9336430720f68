package network_test

import (
	"context"
	"errors"
	"iter"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/leasehold-go/leasehold/e2e/backends"
	"github.com/leasehold-go/leasehold/e2e/network"
	"github.com/leasehold-go/leasehold/fsm"
	"github.com/leasehold-go/leasehold/internal/full"
	"github.com/leasehold-go/leasehold/lease"
	"github.com/leasehold-go/leasehold/store"
)

const (
	// prompt is what a call may take after its context has ended. A tenth of a
	// second is the promise; the rest is for a machine that has much else to do.
	prompt = 20 * time.Second
	// grace is what a release may take, whatever its context.
	grace = 5 * time.Second
)

// scene is what the calls of a test are made on: a key that is held over the line,
// and one that is held beside it.
type scene struct {
	*line
	token   store.Token
	keeper  *lease.Keeper
	held    lease.Lease
	machine *fsm.Machine[string]
}

const (
	ours   = "scene:ours"
	theirs = "scene:theirs"
	bare   = "scene:bare" // held over the line without a keeper
)

func setScene(t *testing.T, l *line) *scene {
	s := &scene{line: l, keeper: l.keep(l.far, slow)}
	held, err := s.keeper.Acquire(t.Context(), ours, []byte("light is red"))
	if err != nil {
		t.Fatal(err)
	}
	s.held, s.machine = held, fsm.New(traffic, fsm.WithWriter(held))
	for key, st := range map[string]store.Store{theirs: l.near, bare: l.far} {
		c := claim("mine", long)
		c.Key = key
		s.token = max(s.token, l.create(st, c).Token)
	}
	r, err := l.near.Get(t.Context(), bare)
	if err != nil {
		t.Fatal(err)
	}
	s.token = r.Token
	return s
}

// onScene runs a test on a scene of each backend.
func onScene(t *testing.T, test func(*testing.T, *scene)) {
	t.Helper()
	onEach(t, func(t *testing.T, l *line) { test(t, setScene(t, l)) })
}

// errOfWrite is for a write of a lease: in doubt if it was sent, and unavailable if it
// waited for its turn, behind another or behind the heartbeat that settles one.
var errOfWrite = errors.New("in doubt or unavailable")

// calls is everything that may block. in is the condition that a call has to say
// when its context ends; nil for the context's own error.
var calls = map[string]struct {
	do func(context.Context, *scene) error
	in error
}{
	"Create": {func(ctx context.Context, s *scene) error {
		_, err := s.far.Create(ctx, claim("mine", long))
		return err
	}, store.ErrInDoubt},
	"Renew": {func(ctx context.Context, s *scene) error {
		return s.far.Renew(ctx, []store.Renewal{{Key: bare, Token: s.token}})[0].Err
	}, store.ErrInDoubt},
	"Update": {func(ctx context.Context, s *scene) error {
		return s.far.Update(ctx, store.Update{Key: bare, Token: s.token, Seq: 1, Value: []byte("new")})
	}, store.ErrInDoubt},
	"Delete": {func(ctx context.Context, s *scene) error {
		return s.far.Delete(ctx, bare, store.ByToken(s.token))
	}, store.ErrInDoubt},
	"Get": {func(ctx context.Context, s *scene) error {
		_, err := s.far.Get(ctx, bare)
		return err
	}, store.ErrUnavailable},
	"List": {func(ctx context.Context, s *scene) error {
		for _, err := range s.far.List(ctx, "scene:") {
			return err
		}
		return nil
	}, store.ErrUnavailable},
	"Watch": {func(ctx context.Context, s *scene) (err error) {
		for _, err = range s.far.Watch(ctx, "scene:") {
		}
		return err
	}, nil},
	"Acquire": {func(ctx context.Context, s *scene) error {
		_, err := s.keeper.Acquire(ctx, key, []byte("mine"))
		return err
	}, store.ErrInDoubt},
	"Acquire with Wait": {func(ctx context.Context, s *scene) error {
		_, err := s.keeper.Acquire(ctx, key, []byte("mine"), lease.WithWait())
		return err
	}, store.ErrInDoubt},
	"Lease.Update": {func(ctx context.Context, s *scene) error {
		return s.held.Update(ctx, []byte("light is off"))
	}, errOfWrite},
	"Transition": {func(ctx context.Context, s *scene) error {
		return s.machine.Transition(ctx, "green")
	}, errOfWrite},
}

// endings are how contexts end. go-redis knows of a deadline, and of a cancellation
// not always.
var endings = map[string]func(context.Context, time.Duration) (context.Context, context.CancelFunc){
	"cancelled": func(ctx context.Context, in time.Duration) (context.Context, context.CancelFunc) {
		ctx, cancel := context.WithCancel(ctx)
		time.AfterFunc(in, cancel)
		return ctx, cancel
	},
	"deadline": context.WithTimeout,
}

// repeated is after for a call that can be repeated, with more time before the end of its context each
// time. It is repeated unless what came of it is proof: the machine may have stood still.
func repeated(t *testing.T, ending string, call func(context.Context) error, proof func(time.Duration, error) bool) (took time.Duration, err error) {
	for _, in := range []time.Duration{200 * time.Millisecond, time.Second, 5 * time.Second} {
		end := func(ctx context.Context) (context.Context, context.CancelFunc) { return endings[ending](ctx, in) }
		if took, err = after(t, end, call); proof(took, err) {
			break
		}
	}
	return took, err
}

// after returns how long after the end of its context a call came back.
func after(t *testing.T, end func(context.Context) (context.Context, context.CancelFunc), call func(context.Context) error) (time.Duration, error) {
	ctx, cancel := end(t.Context())
	defer cancel()
	var mu sync.Mutex
	var ended time.Time
	stop := context.AfterFunc(ctx, func() {
		mu.Lock()
		defer mu.Unlock()
		ended = time.Now()
	})
	defer stop()
	err := call(ctx)
	now := time.Now()
	mu.Lock()
	defer mu.Unlock()
	if ended.IsZero() {
		return 0, err // before, or just then
	}
	return now.Sub(ended), err
}

func TestEveryCallIsBackOnItsContext(t *testing.T) {
	t.Parallel()
	for how := range endings {
		t.Run(how, func(t *testing.T) {
			onScene(t, func(t *testing.T, s *scene) {
				s.Freeze(network.ToServer, network.ToClient)
				for name, call := range calls {
					took, err := repeated(t, how, func(ctx context.Context) error { return call.do(ctx, s) }, func(took time.Duration, err error) bool {
						sent := call.in != store.ErrInDoubt || s.prepares || !errors.Is(err, store.ErrUnavailable) || errors.Is(err, store.ErrInDoubt)
						return took <= prompt && sent
					})
					t.Logf("%s: %v after the end of its context: %v", name, took, err)
					if took > prompt {
						t.Errorf("%s came back only after %v", name, took)
					}
					switch {
					case err == nil:
						t.Errorf("%s succeeded on a frozen network", name)
					case call.in == errOfWrite, call.in == store.ErrInDoubt && s.prepares,
						call.in == store.ErrInDoubt && strings.Contains(err.Error(), "the server does not answer"): // too many others wait for it
						if !errors.Is(err, store.ErrInDoubt) && !errors.Is(err, store.ErrUnavailable) {
							t.Errorf("%s says %v, want: %v", name, err, call.in)
						}
					case call.in != nil && !errors.Is(err, call.in):
						t.Errorf("%s says %v, want: %v", name, err, call.in)
					case call.in == nil && !errors.Is(err, context.Canceled) && !errors.Is(err, context.DeadlineExceeded):
						t.Errorf("%s says %v, want the context's error", name, err)
					}
				}
				if state := s.machine.State(); state != "red" {
					t.Errorf("the machine moved to %s", state)
				}
			})
		})
	}
}

// These wait for something to happen when the network freezes under them.
func TestWaitingCallsAreBackOnTheirContext(t *testing.T) {
	t.Parallel()
	for name, call := range map[string]func(ctx context.Context, s *scene, waiting chan<- struct{}) error{
		"Watch": func(ctx context.Context, s *scene, waiting chan<- struct{}) (err error) {
			var e store.Event
			synced := sync.OnceFunc(func() { close(waiting) })
			for e, err = range s.far.Watch(ctx, "scene:") {
				if err == nil && e.Kind == store.EventSynced {
					synced()
				}
			}
			return err
		},
		"Acquire with Wait": func(ctx context.Context, s *scene, waiting chan<- struct{}) error {
			k := s.keep(&listener{Store: s.far, listens: waiting}, slow)
			_, err := k.Acquire(ctx, theirs, []byte("mine"), lease.WithWait())
			if wait := new(lease.WaitError); !errors.As(err, &wait) || wait.Held.Record.Key != theirs {
				s.Errorf("says %v, not who held the key", err)
			}
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			onScene(t, func(t *testing.T, s *scene) {
				waiting := make(chan struct{})
				end := func(ctx context.Context) (context.Context, context.CancelFunc) {
					ctx, cancel := context.WithCancel(ctx)
					go func() {
						<-waiting
						s.Freeze(network.ToServer, network.ToClient)
						time.Sleep(100 * time.Millisecond)
						cancel()
					}()
					return ctx, cancel
				}
				took, err := after(t, end, func(ctx context.Context) error { return call(ctx, s, waiting) })
				t.Logf("%v after the end of its context: %v", took, err)
				if took > prompt {
					t.Errorf("came back only after %v", took)
				}
				if !errors.Is(err, context.Canceled) {
					t.Errorf("says %v, want the context's error", err)
				}
			})
		})
	}
}

// listener is a store that tells once a watch of it listens.
type listener struct {
	store.Store
	once    sync.Once
	listens chan<- struct{} // closed by the first watch
}

func (l *listener) WatchKey(ctx context.Context, key string) iter.Seq2[store.Event, error] {
	return func(yield func(store.Event, error) bool) {
		for e, err := range l.Store.WatchKey(ctx, key) {
			l.once.Do(func() { close(l.listens) })
			if !yield(e, err) {
				return
			}
		}
	}
}

// A release works without its context, and is bounded all the same.
func TestReleaseIsBounded(t *testing.T) {
	full.Only(t)
	onScene(t, func(t *testing.T, s *scene) {
		s.Freeze(network.ToServer, network.ToClient)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		start := time.Now()
		err := s.held.Release(ctx)
		took := time.Since(start)
		t.Logf("%v: %v", took, err)
		if took > grace+prompt {
			t.Errorf("took %v", took)
		}
		s.want("release", err, store.ErrInDoubt)
		select {
		case <-s.held.Done():
		default:
			t.Error("the term goes on")
		}
		s.Heal()
		s.eventually("a release on a sound network", func() bool { return s.held.Release(ctx) == nil })
		if _, err := s.near.Get(t.Context(), ours); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("the record: %v", err)
		}
	})
}

// The control: a client that is alone does not come back, or the tests above show
// nothing. That of etcd does by itself.
func TestClientAloneIgnoresItsContext(t *testing.T) {
	full.Only(t)
	t.Parallel()
	l := connect(t, "redis", backends.Together(t, "redis")[0])
	client := redis.NewClient(&redis.Options{Addr: l.Proxy.Addr()})
	defer client.Close()
	if err := client.Ping(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
	l.Freeze(network.ToServer, network.ToClient)
	took, err := repeated(t, "cancelled", func(ctx context.Context) error { return client.Get(ctx, key).Err() },
		func(took time.Duration, _ error) bool { return took > time.Second })
	t.Logf("%v after the end of its context: %v", took, err)
	if took <= time.Second {
		t.Errorf("came back after %v: a store's promptness is no longer its own doing", took)
	}
}
