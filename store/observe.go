package store

import (
	"context"
	"errors"
	"iter"
	"time"
)

// Call is a finished call of a store, for metrics and traces; see [Observe].
type Call struct {
	// Verb is the name of the method in lower case: create, create next, withdraw, renew, update (also for UpdateWith),
	// delete, delete batch, get, get batch, list, watch, watch key, ask, requests, answer, append log, read
	// log, follow log, deletions, put definition, get definition.
	Verb string
	Key  string // or prefix, or id of a definition; empty for a batch and for deletions
	// Items is how many records, events, requests or entries a call that yields has yielded, and
	// the length of a batch.
	Items    int
	Began    time.Time
	Duration time.Duration // of a call that yields: until its reader has ended
	// Endless: the call yields until its reader stops it, so that its Duration tells nothing of the
	// store: watch, watch key, requests, follow log and deletions.
	Endless bool
	Err     error // of a batch: the first error
	Failed  int   // items of a batch with an error
}

// Observe returns a store that makes every call on st, and then calls f with it and its context.
// It has the optional interfaces of this package that st has, of them [Definer] by [DefinerOf], and
// no other method of st. f is called by any number of goroutines at a time, and every call waits
// for it.
func Observe(st Store, f func(context.Context, Call)) Store {
	o := &observed{st, f}
	logger, logs := st.(Logger)
	requester, asks := st.(Requester)
	notifier, notifies := st.(DeleteNotifier)
	var (
		log       = observedLog{o, logger}
		requests  = observedRequests{o, requester}
		deletions = observedDeletions{o, notifier}
		updates   = observedUpdates{o, logger}
	)
	if !logs {
		updates.st = requester
	}
	switch {
	case logs && asks && notifies:
		return struct {
			*observed
			observedLog
			observedRequests
			observedUpdates
			observedDeletions
		}{o, log, requests, updates, deletions}
	case logs && asks:
		return struct {
			*observed
			observedLog
			observedRequests
			observedUpdates
		}{o, log, requests, updates}
	case logs && notifies:
		return struct {
			*observed
			observedLog
			observedUpdates
			observedDeletions
		}{o, log, updates, deletions}
	case asks && notifies:
		return struct {
			*observed
			observedRequests
			observedUpdates
			observedDeletions
		}{o, requests, updates, deletions}
	case logs:
		return struct {
			*observed
			observedLog
			observedUpdates
		}{o, log, updates}
	case asks:
		return struct {
			*observed
			observedRequests
			observedUpdates
		}{o, requests, updates}
	case notifies:
		return struct {
			*observed
			observedDeletions
		}{o, deletions}
	}
	return o
}

// Outcome is the outcome of a call in a word, for the label of a metric: "ok" for nil, the
// condition of an [Error] as "held", "lost", "foreign", "unavailable", "in_doubt", "not_found",
// "ended", "stale", "full", "expired", "closed" or "invalid", or "error". A call that failed
// because its context ended is "canceled", unless it is in doubt.
func Outcome(err error) string {
	switch {
	case err == nil:
		return "ok"
	case errors.Is(err, ErrInDoubt):
		return "in_doubt"
	case errors.Is(err, context.Canceled):
		return "canceled"
	}
	for _, o := range outcomes {
		if errors.Is(err, o.condition) {
			return o.name
		}
	}
	return "error"
}

// outcomes has the conditions in the order in which an error is compared with them.
var outcomes = []struct {
	condition error
	name      string
}{
	{ErrHeld, "held"}, {ErrEnded, "ended"}, {ErrStale, "stale"}, {ErrForeign, "foreign"}, {ErrLost, "lost"}, {ErrNotFound, "not_found"},
	{ErrFull, "full"}, {ErrExpired, "expired"}, {ErrClosed, "closed"}, {ErrInvalid, "invalid"}, {ErrUnavailable, "unavailable"},
}

// observed is the store of [Observe], without optional interfaces that change what its user does.
type observed struct {
	st Store
	f  func(context.Context, Call)
}

func (o *observed) Capabilities() Capabilities { return CapabilitiesOf(o.st) }

// done tells of a call on one key.
func (o *observed) done(ctx context.Context, verb, key string, began time.Time, err error) {
	o.f(ctx, Call{Verb: verb, Key: key, Began: began, Duration: time.Since(began), Err: err})
}

// doneBatch tells of a call on a batch.
func (o *observed) doneBatch(ctx context.Context, verb string, began time.Time, n int, errs iter.Seq[error]) {
	c := Call{Verb: verb, Items: n, Began: began, Duration: time.Since(began)}
	for err := range errs {
		if err != nil {
			if c.Failed++; c.Err == nil {
				c.Err = err
			}
		}
	}
	o.f(ctx, c)
}

func (o *observed) Create(ctx context.Context, claim Claim) (Grant, error) {
	began := time.Now()
	grant, err := o.st.Create(ctx, claim)
	o.done(ctx, "create", claim.Key, began, err)
	return grant, err
}

// CreateNext is Create if the store hands no keys over.
func (o *observed) CreateNext(ctx context.Context, claim Claim, handed func(Grant)) (grant Grant, next bool, err error) {
	s, succeeds := o.st.(Successor)
	if !succeeds {
		grant, err = o.Create(ctx, claim)
		return grant, false, err
	}
	began := time.Now()
	grant, next, err = s.CreateNext(ctx, claim, handed)
	o.done(ctx, "create next", claim.Key, began, err)
	return grant, next, err
}

// Withdraw is Delete if the store hands no keys over.
func (o *observed) Withdraw(ctx context.Context, key string, nonce Nonce) error {
	s, succeeds := o.st.(Successor)
	if !succeeds {
		return o.Delete(ctx, key, ByNonce(nonce))
	}
	began := time.Now()
	err := s.Withdraw(ctx, key, nonce)
	o.done(ctx, "withdraw", key, began, err)
	return err
}

func (o *observed) Renew(ctx context.Context, batch []Renewal) []RenewResult {
	began := time.Now()
	results := o.st.Renew(ctx, batch)
	o.doneBatch(ctx, "renew", began, len(batch), func(yield func(error) bool) {
		for i := range results {
			if !yield(results[i].Err) {
				return
			}
		}
	})
	return results
}

func (o *observed) Update(ctx context.Context, update Update) error {
	began := time.Now()
	err := o.st.Update(ctx, update)
	o.done(ctx, "update", update.Key, began, err)
	return err
}

func (o *observed) Delete(ctx context.Context, key string, ref LeaseRef) error {
	began := time.Now()
	err := o.st.Delete(ctx, key, ref)
	o.done(ctx, "delete", key, began, err)
	return err
}

// GetBatch is one call also if the store makes several of it.
func (o *observed) GetBatch(ctx context.Context, keys []string) (map[string]Record, error) {
	began := time.Now()
	live, err := GetBatch(ctx, o.st, keys)
	c := Call{Verb: "get batch", Items: len(keys), Began: began, Duration: time.Since(began), Err: err}
	if err != nil {
		c.Failed = len(keys)
	}
	o.f(ctx, c)
	return live, err
}

// DeleteBatch is one call also if the store makes several of it.
func (o *observed) DeleteBatch(ctx context.Context, batch []Deletion) []error {
	began := time.Now()
	errs := DeleteBatch(ctx, o.st, batch)
	o.doneBatch(ctx, "delete batch", began, len(batch), func(yield func(error) bool) {
		for _, err := range errs {
			if !yield(err) {
				return
			}
		}
	})
	return errs
}

func (o *observed) Get(ctx context.Context, key string) (Record, error) {
	began := time.Now()
	record, err := o.st.Get(ctx, key)
	o.done(ctx, "get", key, began, err)
	return record, err
}

func (o *observed) List(ctx context.Context, prefix string) iter.Seq2[Record, error] {
	return observe(ctx, o, Call{Verb: "list", Key: prefix}, o.st.List(ctx, prefix))
}

func (o *observed) Watch(ctx context.Context, prefix string) iter.Seq2[Event, error] {
	return observe(ctx, o, Call{Verb: "watch", Key: prefix, Endless: true}, o.st.Watch(ctx, prefix))
}

// WatchGathered is Watch if the store does not gather: no change is late then.
func (o *observed) WatchGathered(ctx context.Context, prefix string, gather time.Duration) iter.Seq2[Event, error] {
	g, gathers := o.st.(GatheringWatcher)
	if !gathers {
		return o.Watch(ctx, prefix)
	}
	return observe(ctx, o, Call{Verb: "watch", Key: prefix, Endless: true}, g.WatchGathered(ctx, prefix, gather))
}

func (o *observed) WatchKey(ctx context.Context, key string) iter.Seq2[Event, error] {
	return observe(ctx, o, Call{Verb: "watch key", Key: key, Endless: true}, o.st.WatchKey(ctx, key))
}

// observe yields what a call yields, and then tells of the call.
func observe[T any](ctx context.Context, o *observed, c Call, seq iter.Seq2[T, error]) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		c := c // a sequence can be read again
		c.Began = time.Now()
		defer func() {
			c.Duration = time.Since(c.Began)
			o.f(ctx, c)
		}()
		for item, err := range seq {
			if err != nil {
				c.Err = err
			} else {
				c.Items++
			}
			if !yield(item, err) {
				return
			}
		}
	}
}

// definer returns the observed definitions of the store, for [DefinerOf].
func (o *observed) definer() (Definer, bool) {
	d, ok := DefinerOf(o.st)
	return observedDefinitions{o, d}, ok
}

// observedDefinitions is a [Definer].
type observedDefinitions struct {
	o  *observed
	st Definer
}

func (d observedDefinitions) PutDefinition(ctx context.Context, definition []byte, ttl time.Duration) error {
	began := time.Now()
	err := d.st.PutDefinition(ctx, definition, ttl)
	d.o.done(ctx, "put definition", DefinitionID(definition), began, err)
	return err
}

func (d observedDefinitions) GetDefinition(ctx context.Context, id string) ([]byte, error) {
	began := time.Now()
	definition, err := d.st.GetDefinition(ctx, id)
	d.o.done(ctx, "get definition", id, began, err)
	return definition, err
}

// observedLog has the methods of a [Logger] but UpdateWith.
type observedLog struct {
	o  *observed
	st Logger
}

func (l observedLog) AppendLog(ctx context.Context, key string, token Token, entries LogEntries) error {
	began := time.Now()
	err := l.st.AppendLog(ctx, key, token, entries)
	l.o.done(ctx, "append log", key, began, err)
	return err
}

func (l observedLog) ReadLog(ctx context.Context, key string, query LogQuery) iter.Seq2[LogEntry, error] {
	return observe(ctx, l.o, Call{Verb: "read log", Key: key}, l.st.ReadLog(ctx, key, query))
}

func (l observedLog) FollowLog(ctx context.Context, key string, after LogPosition) iter.Seq2[LogEntry, error] {
	return observe(ctx, l.o, Call{Verb: "follow log", Key: key, Endless: true}, l.st.FollowLog(ctx, key, after))
}

// observedRequests has the methods of a [Requester] but UpdateWith.
type observedRequests struct {
	o  *observed
	st Requester
}

func (r observedRequests) Ask(ctx context.Context, request Request) (Answer, error) {
	began := time.Now()
	answer, err := r.st.Ask(ctx, request)
	r.o.done(ctx, "ask", request.Key, began, err)
	return answer, err
}

func (r observedRequests) Requests(ctx context.Context, key string, token Token) iter.Seq2[Request, error] {
	return observe(ctx, r.o, Call{Verb: "requests", Key: key, Endless: true}, r.st.Requests(ctx, key, token))
}

func (r observedRequests) Answer(ctx context.Context, key string, token Token, answer Answer) error {
	began := time.Now()
	err := r.st.Answer(ctx, key, token, answer)
	r.o.done(ctx, "answer", key, began, err)
	return err
}

// observedUpdates has the method that a [Logger] and a [Requester] share.
type observedUpdates struct {
	o  *observed
	st interface {
		UpdateWith(ctx context.Context, update Update, with Addition) error
	}
}

func (u observedUpdates) UpdateWith(ctx context.Context, update Update, with Addition) error {
	began := time.Now()
	err := u.st.UpdateWith(ctx, update, with)
	u.o.done(ctx, "update", update.Key, began, err)
	return err
}

// observedDeletions is a [DeleteNotifier].
type observedDeletions struct {
	o  *observed
	st DeleteNotifier
}

func (d observedDeletions) Deletions(ctx context.Context) iter.Seq[string] {
	return func(yield func(string) bool) {
		c := Call{Verb: "deletions", Endless: true, Began: time.Now()}
		defer func() {
			c.Duration = time.Since(c.Began)
			d.o.f(ctx, c)
		}()
		for key := range d.st.Deletions(ctx) {
			c.Items++
			if !yield(key) {
				return
			}
		}
	}
}
