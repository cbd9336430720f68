package e2e_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/leasehold-go/leasehold/internal/redistest"
	"github.com/leasehold-go/leasehold/store"
	memstore "github.com/leasehold-go/leasehold/store/memory"
	redisstore "github.com/leasehold-go/leasehold/store/redis"
)

// How large a history is: the checker's work grows fast with the calls that run
// at the same time.
const (
	histories = 30
	clients   = 5
	deeds     = 24 // of each client
)

func TestMemoryIsLinearizable(t *testing.T) {
	for range histories {
		st := memstore.New()
		wantLinearizable(t, record(t, st, st))
		st.Close()
	}
}

func TestRedisIsLinearizable(t *testing.T) {
	server := redistest.Start(t)
	one, other := openRedis(t, server), openRedis(t, server)
	for range histories {
		if err := server.Client().FlushAll(t.Context()).Err(); err != nil {
			t.Fatal(err)
		}
		wantLinearizable(t, record(t, one, other))
	}
}

func openRedis(t *testing.T, server *redistest.Server) store.Store {
	st, err := redisstore.New(t.Context(), server.Client())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { st.Close() })
	return st
}

// careless deletes whatever is there, as an unconditional DEL does.
type careless struct{ store.Store }

func (c careless) Delete(ctx context.Context, key string, _ store.LeaseRef) error {
	r, err := c.Store.Get(ctx, key)
	if err != nil {
		return nil
	}
	return c.Store.Delete(ctx, key, store.ByToken(r.Token))
}

// forgetful takes each repeated create for a new one, as a plain SET NX does.
type forgetful struct{ store.Store }

func (f forgetful) Create(ctx context.Context, c store.Claim) (store.Grant, error) {
	c.Nonce = store.NewNonce()
	return f.Store.Create(ctx, c)
}

// keen withdraws no claim.
type keen struct{ *memstore.Store }

func (keen) Withdraw(context.Context, string, store.Nonce) error { return nil }

// unfair has the claim be next that asked last.
type unfair struct{ *memstore.Store }

func (u unfair) CreateNext(ctx context.Context, c store.Claim, handed func(store.Grant)) (store.Grant, bool, error) {
	grant, _, err := u.Store.CreateNext(ctx, c, handed)
	return grant, errors.Is(err, store.ErrHeld), err
}

// The control: a store that breaks a law is found out.
func TestBrokenStoresAreNotLinearizable(t *testing.T) {
	for name, broken := range map[string]func(*memstore.Store) store.Store{
		"unconditional delete":      func(st *memstore.Store) store.Store { return careless{st} },
		"create without nonce":      func(st *memstore.Store) store.Store { return forgetful{st} },
		"withdrawn claim gets keys": func(st *memstore.Store) store.Store { return keen{st} },
		"two claims are next":       func(st *memstore.Store) store.Store { return unfair{st} },
	} {
		t.Run(name, func(t *testing.T) {
			for range histories {
				st := broken(memstore.New())
				if porcupine.CheckOperationsTimeout(model, record(t, st, st), time.Minute) == porcupine.Illegal {
					return
				}
			}
			t.Errorf("%d histories of a broken store pass for linearizable", histories)
		})
	}
}

func wantLinearizable(t *testing.T, history []porcupine.Operation) {
	t.Helper()
	result, info := porcupine.CheckOperationsVerbose(model, history, time.Minute)
	if result == porcupine.Ok {
		return
	}
	path := t.ArtifactDir() + "/history.html"
	if err := porcupine.VisualizePath(model, info, path); err != nil {
		path = err.Error()
	}
	for _, op := range history {
		t.Logf("%d: %8d - %8d %s", op.ClientId, op.Call, op.Return, model.DescribeOperation(op.Input, op.Output))
	}
	t.Fatalf("a history of %d operations is not linearizable: %s; picture: %s", len(history), result, path)
}

// recorder gathers the history of some clients at work at the same time.
type recorder struct {
	t     *testing.T
	start time.Time

	mu       sync.Mutex
	history  []porcupine.Operation
	attempts map[string]int
}

// record lets clients work through two stores on the same data.
func record(t *testing.T, stores ...store.Store) []porcupine.Operation {
	r := &recorder{t: t, start: time.Now(), attempts: make(map[string]int)}
	networks := make([]network, len(stores))
	for i, st := range stores {
		networks[i].Store = st
	}
	var all sync.WaitGroup
	for i := range clients {
		c := &client{recorder: r, id: i, network: &networks[i%len(networks)], held: make(map[string]*holding)}
		all.Go(c.run)
	}
	all.Wait()
	for i := range networks {
		networks[i].late.Wait()
	}
	return r.history
}

func (r *recorder) now() int64 { return time.Since(r.start).Nanoseconds() }

// attempt returns the number of a new attempt to create a key.
func (r *recorder) attempt(key string) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.attempts[key]++
	return r.attempts[key]
}

func (r *recorder) add(client int, called int64, in input, out output) {
	op := porcupine.Operation{ClientId: client, Call: called, Return: r.now(), Input: in, Output: out}
	if out.unknown {
		op.Return = math.MaxInt64
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.history = append(r.history, op)
}

// client is one goroutine that holds some keys. A call that it repeats until it
// has the answer is one operation.
type client struct {
	*recorder
	*network
	id   int
	held map[string]*holding
}

// holding is a term that a client holds, as far as it knows.
type holding struct {
	attempt int
	token   store.Token
	seq     uint64
}

func (c *client) run() {
	for range deeds {
		key := []string{"a", "b"}[rand.IntN(2)]
		switch h := c.held[key]; {
		case rand.IntN(5) == 0:
			c.get(key)
		case h == nil && c.succeeds() && rand.IntN(2) == 0:
			c.wait(key)
		case h == nil:
			c.create(key)
		case rand.IntN(3) == 0:
			c.delete(key, h)
		default:
			c.write(key, h)
		}
		time.Sleep(rand.N(100 * time.Microsecond))
	}
}

func (c *client) get(key string) {
	called := c.now()
	r, err := c.Store.Get(c.t.Context(), key)
	c.add(c.id, called, input{verb: get, key: key}, output{condition: condition(err), token: r.Token, value: string(r.Value)})
}

// create tries to begin a term. When it fails and one of its requests may still
// arrive, it settles that with a delete by nonce.
func (c *client) create(key string) {
	n := c.attempt(key)
	claim := store.Claim{Key: key, Value: fmt.Appendf(nil, "attempt %d", n), TTL: time.Hour, Nonce: store.NewNonce()}
	in := input{verb: create, key: key, attempt: n, value: string(claim.Value)}
	called := c.now()
	grant, late, err := c.network.create(c.t.Context(), claim)
	out := output{condition: condition(err), token: grant.Token}
	if held, ok := errors.AsType[*store.HeldError](err); ok {
		out.token, out.value = held.Record.Token, string(held.Record.Value)
	}
	c.add(c.id, called, in, out)
	if late {
		c.add(c.id, called, in, output{unknown: true})
	}
	switch {
	case err == nil:
		c.held[key] = &holding{attempt: n, token: grant.Token}
	case late:
		c.settle(key, n, claim.Nonce)
	}
}

func (c *client) succeeds() bool { _, ok := c.Store.(store.Successor); return ok }

// wait asks for a key a few times. A claim that gets no lease is withdrawn, or settled if a request of it
// was not answered.
func (c *client) wait(key string) {
	n := c.attempt(key)
	claim := store.Claim{Key: key, Value: fmt.Appendf(nil, "attempt %d", n), TTL: time.Hour, Nonce: store.NewNonce()}
	in := input{verb: createNext, key: key, attempt: n, value: string(claim.Value)}
	settle := false
	for range 1 + rand.IntN(4) {
		called := c.now()
		grant, next, doubt, err := c.network.createNext(c.t.Context(), claim)
		out := output{condition: condition(err), token: grant.Token, next: next}
		if held, ok := errors.AsType[*store.HeldError](err); ok {
			out.token, out.value = held.Record.Token, string(held.Record.Value)
		}
		c.add(c.id, called, in, out)
		if settle = settle || doubt; doubt {
			c.add(c.id, called, in, output{unknown: true})
		}
		if err == nil {
			c.held[key] = &holding{attempt: n, token: grant.Token}
			return
		}
		time.Sleep(rand.N(time.Millisecond))
	}
	if settle {
		c.settle(key, n, claim.Nonce)
		return
	}
	called := c.now()
	err := c.until(func() error { return c.Store.(store.Successor).Withdraw(c.t.Context(), key, claim.Nonce) })
	c.add(c.id, called, input{verb: withdraw, key: key, attempt: n}, output{condition: condition(err)})
}

func (c *client) settle(key string, attempt int, nonce store.Nonce) {
	called := c.now()
	err := c.until(func() error { return c.Store.Delete(c.t.Context(), key, store.ByNonce(nonce)) })
	c.add(c.id, called, input{verb: deleteByNonce, key: key, attempt: attempt}, output{condition: condition(err)})
}

func (c *client) delete(key string, h *holding) {
	delete(c.held, key)
	called := c.now()
	err := c.until(func() error { return c.Store.Delete(c.t.Context(), key, store.ByToken(h.token)) })
	c.add(c.id, called, input{verb: deleteByToken, key: key, token: h.token}, output{condition: condition(err)})
	if rand.IntN(2) == 0 {
		c.held[key] = h // and goes on as if it held, as after a pause
	}
}

func (c *client) write(key string, h *holding) {
	h.seq++
	w := store.Renewal{Key: key, Token: h.token, Seq: h.seq, Value: fmt.Appendf(nil, "attempt %d value %d", h.attempt, h.seq)}
	in := input{verb: update, key: key, token: h.token, value: string(w.Value)}
	call := func() error { return c.Store.Update(c.t.Context(), store.Update(w)) }
	if rand.IntN(2) == 0 {
		in.verb = renew
		call = func() error { return c.Store.Renew(c.t.Context(), []store.Renewal{w})[0].Err }
	}
	called := c.now()
	err := c.until(call)
	c.add(c.id, called, in, output{condition: condition(err)})
	if err != nil {
		delete(c.held, key)
	}
}
