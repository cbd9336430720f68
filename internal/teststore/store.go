package teststore

import (
	"context"
	"iter"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/leasehold-go/leasehold/store"
	memstore "github.com/leasehold-go/leasehold/store/memory"
)

// Verb names a method of a store.
type Verb string

// The verbs that faults apply to.
const (
	Create Verb = "create"
	Renew  Verb = "renew"
	Update Verb = "update"
	Delete Verb = "delete"
	Watch  Verb = "watch"
	Answer Verb = "answer"
	Append Verb = "append log"
	Define Verb = "put definition"

	Handover Verb = "handover" // see [Successor]
)

// Request is a recorded request.
type Request struct {
	Verb   Verb
	At     time.Duration   // since New
	Key    string          // not of a renew; the prefix of a watch; the id of a definition
	Nonce  store.Nonce     // of a create, and of a delete by nonce
	Token  store.Token     // of an update, and of a delete by token
	Writes []store.Renewal // of a renew and an update; of a create, with key and value alone
}

// Values returns the values in the request. A renewal without a value has none.
func (r Request) Values() (values [][]byte) {
	for _, w := range r.Writes {
		if len(w.Value) > 0 {
			values = append(values, w.Value)
		}
	}
	return values
}

// Store is a memory store with faults. Its methods may be called from any number of
// goroutines. It comes from [New].
type Store struct {
	store.Store // the memory store
	Start       time.Time

	memory *memstore.Store // the same, for what lies beside the records

	mu      sync.Mutex
	faults  map[Verb]Fault
	log     []Request
	inspect func(value []byte)
}

// New returns an empty store without faults.
func New() *Store {
	m := memstore.New()
	return &Store{Store: m, memory: m, Start: time.Now(), faults: make(map[Verb]Fault)}
}

// Inject applies f to every request of the verbs from now on. A nil f removes the fault.
func (s *Store) Inject(f Fault, verbs ...Verb) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, v := range verbs {
		s.faults[v] = f
	}
}

// Inspect calls f with each value from now on, before its request is sent or fails.
func (s *Store) Inspect(f func(value []byte)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.inspect = f
}

// Sent returns the requests of the verbs so far, also if a fault kept them from the
// memory store.
func (s *Store) Sent(verbs ...Verb) []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	var found []Request
	for _, r := range s.log {
		if slices.Contains(verbs, r.Verb) {
			found = append(found, r)
		}
	}
	return found
}

// Evict deletes the record of a key without its holder, as an operator would. It panics if there
// is none.
func (s *Store) Evict(key string) {
	r, err := s.Store.Get(context.Background(), key)
	if err == nil {
		err = s.Store.Delete(context.Background(), key, store.ByToken(r.Token))
	}
	if err != nil {
		panic(err)
	}
}

// Create implements [store.Store].
func (s *Store) Create(ctx context.Context, c store.Claim) (store.Grant, error) {
	var answer atomic.Pointer[store.Grant] // a late request may answer while Create reads
	err := s.do(ctx, creation(c), func(ctx context.Context) error {
		grant, err := s.Store.Create(ctx, c)
		answer.Store(&grant)
		return err
	})
	if err != nil {
		return store.Grant{}, named(err, Create, c.Key)
	}
	return *answer.Load(), nil
}

func creation(c store.Claim) Request {
	return Request{Verb: Create, Key: c.Key, Nonce: c.Nonce, Writes: []store.Renewal{{Key: c.Key, Value: c.Value}}}
}

// Renew implements [store.Store]. A fault fails every renewal of the batch.
func (s *Store) Renew(ctx context.Context, batch []store.Renewal) []store.RenewResult {
	batch = slices.Clone(batch)
	var answer atomic.Pointer[[]store.RenewResult] // a late request may answer while Renew reads
	err := s.do(ctx, Request{Verb: Renew, Writes: batch}, func(ctx context.Context) error {
		results := s.Store.Renew(ctx, batch)
		answer.Store(&results)
		return nil
	})
	if err == nil {
		return *answer.Load()
	}
	failed := make([]store.RenewResult, len(batch))
	for i := range failed {
		failed[i].Err = named(err, Renew, batch[i].Key)
	}
	return failed
}

// Update implements [store.Store].
func (s *Store) Update(ctx context.Context, w store.Update) error {
	r := Request{Verb: Update, Key: w.Key, Token: w.Token, Writes: []store.Renewal{store.Renewal(w)}}
	err := s.do(ctx, r, func(ctx context.Context) error { return s.Store.Update(ctx, w) })
	return named(err, Update, w.Key)
}

// UpdateWith implements [store.Logger] and [store.Requester], with the requests and faults
// of [Update].
func (s *Store) UpdateWith(ctx context.Context, w store.Update, with store.Addition) error {
	r := Request{Verb: Update, Key: w.Key, Token: w.Token, Writes: []store.Renewal{store.Renewal(w)}}
	err := s.do(ctx, r, func(ctx context.Context) error { return s.memory.UpdateWith(ctx, w, with) })
	return named(err, Update, w.Key)
}

// Answer implements [store.Requester].
func (s *Store) Answer(ctx context.Context, key string, token store.Token, a store.Answer) error {
	err := s.do(ctx, Request{Verb: Answer, Key: key, Token: token}, func(ctx context.Context) error { return s.memory.Answer(ctx, key, token, a) })
	return named(err, Answer, key)
}

// Ask implements [store.Requester]. It has no faults, and so have the readers below.
func (s *Store) Ask(ctx context.Context, r store.Request) (store.Answer, error) {
	return s.memory.Ask(ctx, r)
}

// Requests implements [store.Requester].
func (s *Store) Requests(ctx context.Context, key string, token store.Token) iter.Seq2[store.Request, error] {
	return s.memory.Requests(ctx, key, token)
}

// ReadLog implements [store.Logger].
func (s *Store) ReadLog(ctx context.Context, key string, query store.LogQuery) iter.Seq2[store.LogEntry, error] {
	return s.memory.ReadLog(ctx, key, query)
}

// FollowLog implements [store.Logger].
func (s *Store) FollowLog(ctx context.Context, key string, after store.LogPosition) iter.Seq2[store.LogEntry, error] {
	return s.memory.FollowLog(ctx, key, after)
}

// AppendLog implements [store.Logger].
func (s *Store) AppendLog(ctx context.Context, key string, token store.Token, e store.LogEntries) error {
	err := s.do(ctx, Request{Verb: Append, Key: key, Token: token}, func(ctx context.Context) error { return s.memory.AppendLog(ctx, key, token, e) })
	return named(err, Append, key)
}

// PutDefinition implements [store.Definer].
func (s *Store) PutDefinition(ctx context.Context, definition []byte, ttl time.Duration) error {
	id := store.DefinitionID(definition)
	err := s.do(ctx, Request{Verb: Define, Key: id}, func(ctx context.Context) error { return s.memory.PutDefinition(ctx, definition, ttl) })
	return named(err, Define, id)
}

// GetDefinition implements [store.Definer]. It has no faults.
func (s *Store) GetDefinition(ctx context.Context, id string) ([]byte, error) {
	return s.memory.GetDefinition(ctx, id)
}

// Delete implements [store.Store].
func (s *Store) Delete(ctx context.Context, key string, ref store.LeaseRef) error {
	r := Request{Verb: Delete, Key: key, Nonce: ref.Nonce, Token: ref.Token}
	err := s.do(ctx, r, func(ctx context.Context) error { return s.Store.Delete(ctx, key, ref) })
	return named(err, Delete, key)
}

// Watch implements [store.Store]. A fault can end a watch only when it starts.
func (s *Store) Watch(ctx context.Context, prefix string) iter.Seq2[store.Event, error] {
	return s.watch(ctx, prefix, s.Store.Watch)
}

// WatchKey implements [store.Store], with the requests and faults of [Watch].
func (s *Store) WatchKey(ctx context.Context, key string) iter.Seq2[store.Event, error] {
	return s.watch(ctx, key, s.Store.WatchKey)
}

func (s *Store) watch(ctx context.Context, name string, begin func(context.Context, string) iter.Seq2[store.Event, error]) iter.Seq2[store.Event, error] {
	return func(yield func(store.Event, error) bool) {
		start := func(context.Context) error { return nil }
		if err := s.do(ctx, Request{Verb: Watch, Key: name}, start); err != nil {
			yield(store.Event{}, named(err, Watch, name))
			return
		}
		begin(ctx, name)(yield)
	}
}

// do records a request, shows its values to the function of Inspect, and sends it through the
// fault of its verb.
func (s *Store) do(ctx context.Context, r Request, send func(context.Context) error) error {
	s.mu.Lock()
	r.At = time.Since(s.Start)
	s.log = append(s.log, r)
	fault, inspect := s.faults[r.Verb], s.inspect
	s.mu.Unlock()
	if inspect != nil {
		for _, v := range r.Values() {
			inspect(v)
		}
	}
	if fault == nil {
		return send(ctx)
	}
	return fault(ctx, send)
}

// named adds verb and key to the error of a fault of this package.
func named(err error, verb Verb, key string) error {
	if e, ok := err.(*store.Error); ok && e.Op == "" {
		return &store.Error{Op: string(verb), Key: key, Condition: e.Condition, Err: e.Err}
	}
	return err
}
