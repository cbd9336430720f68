package etcdstore

import (
	"cmp"
	"context"
	"errors"
	"iter"
	"time"

	"go.etcd.io/etcd/api/v3/mvccpb"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/leasehold-go/leasehold/store"
)

// rereadAfter is how long a call waits for events before it reads again.
const rereadAfter = time.Minute

// asking is one call of Ask.
type asking struct {
	*Store
	request store.Request
	letter  letter
	name    string // of the request
	answer  string // its name

	revision int64     // of the request, if this call has put it
	end      time.Time // of the wait; this call ends its own request then
}

// Ask implements [store.Requester]. The request is one transaction, and so is its end at the
// deadline. A transaction in doubt is sent again, and so is one that a member does not answer.
func (s *Store) Ask(ctx context.Context, q store.Request) (store.Answer, error) {
	if err := q.Check(); err != nil {
		return store.Answer{}, err
	}
	ctx, leave, err := s.tasks.enter(ctx)
	if err != nil {
		return store.Answer{}, failed("ask", q.Key, reads, err)
	}
	defer leave()
	a := &asking{Store: s, request: q, name: requestOf(q.Key, q.ID), answer: answerOf(q.Key, q.ID),
		letter: letter{token: q.Token, ttl: q.TTL, asker: store.NewNonce(), body: string(q.Body)}}

	w, err := s.joinAnswers(ctx, q.Key)
	if err != nil {
		return store.Answer{}, failed("ask", q.Key, reads, err)
	}
	defer s.leaveAnswers(q.Key, w)
	told := s.answerWatches.messages.Join(a.answer)
	defer s.answerWatches.messages.Leave(told)

	queued, doubt := false, false // whether the store has the request, and whether it may have it
	a.end = time.Now().Add(q.TTL)
	for pause := firstPause; ; {
		try := a.look
		if !queued {
			try = a.put
		}
		answer, err := try(ctx)
		wait := min(time.Until(a.end)+time.Millisecond, rereadAfter)
		switch {
		case err == nil && answer.ID != "":
			return answer, nil
		case err == nil:
			queued, doubt, pause = true, true, firstPause
		case !isUnanswered(err), !doubt && !errors.Is(err, store.ErrInDoubt):
			return store.Answer{}, err
		case time.Now().After(a.end.Add(memberTimeout)):
			return store.Answer{}, failed("ask", q.Key, writes, bare(err))
		default:
			doubt, wait = true, pause
			pause = min(2*pause, maxPause)
		}
		timer := time.NewTimer(wait)
		select {
		case message := <-told.C:
			if given, ok := parseAnswer(q.ID, []byte(message.Text)); ok && given.Final {
				return given, nil
			}
		case <-timer.C:
		case <-ctx.Done(): // the holder may still do what was asked
			return store.Answer{}, failed("ask", q.Key, writes, context.Cause(ctx))
		}
		timer.Stop()
	}
}

// put queues the request, unless the store knows its id. It returns the answer if there is one
// that Ask is to return.
func (a *asking) put(ctx context.Context) (answer store.Answer, err error) {
	for range maxTries {
		if answer, err = a.tryPut(ctx); !errors.Is(err, errAgain) {
			break
		}
	}
	return answer, err
}

func (a *asking) tryPut(ctx context.Context) (store.Answer, error) {
	q := a.request
	on, err := a.mailLease(ctx, q.TTL)
	if err != nil {
		return store.Answer{}, failed("ask", q.Key, reads, err)
	}
	guards := []clientv3.Cmp{absent(a.name), absent(a.answer), clientv3.Compare(clientv3.CreateRevision(q.Key), ">", 0)}
	if q.Token != 0 {
		guards[2] = clientv3.Compare(clientv3.CreateRevision(q.Key), "=", int64(q.Token))
	}
	state := append(readOps(q.Key, withoutValue...), clientv3.OpGet(a.name), clientv3.OpGet(a.answer))
	then := append(readOps(q.Key, withoutValue...), clientv3.OpPut(a.name, a.letter.String(), clientv3.WithLease(on)),
		clientv3.OpGet(mailOf(requests, q.Key), clientv3.WithPrefix(), clientv3.WithCountOnly()))
	sent := time.Now()
	answer, found, err := a.try(ctx, guards, then, state)
	switch {
	case isGone(err):
		a.mailLeases.drop(on)
		return store.Answer{}, failed("ask", q.Key, reads, errAgain)
	case err != nil:
		return store.Answer{}, failed("ask", q.Key, writes, err)
	}
	f := decode(q.Key, found)
	if !answer.Succeeded {
		if found[2].first() != nil || found[3].first() != nil {
			return a.known(ctx, found[2].first(), found[3].first())
		}
		return store.Answer{}, a.refusal(ctx, f)
	}
	a.revision, a.end = answer.Header.Revision, sent.Add(q.TTL)
	if f.ours && found[3].GetResponseRange().GetCount() <= store.MaxRequests {
		return store.Answer{}, nil
	}
	// It is not to stay. If the holder was faster, its answer counts.
	if done, answer, err := a.withdraw(ctx); err != nil || !done {
		return answer, err
	}
	a.revision = 0
	if f.ours {
		return store.Answer{}, &store.Error{Op: "ask", Key: q.Key, Condition: store.ErrFull}
	}
	return store.Answer{}, a.refusal(ctx, f)
}

// refusal returns the reason that a request cannot be queued, by the value under its key.
func (a *asking) refusal(ctx context.Context, f found) error {
	switch key := a.request.Key; {
	case f.ours && a.request.Token != 0 && a.request.Token != f.token():
		return store.Lost("ask", key, f.token())
	case f.ours: // the guards failed for a reason that is gone
		return failed("ask", key, reads, errAgain)
	case f.value == nil:
		return &store.Error{Op: "ask", Key: key, Condition: store.ErrNotFound}
	default:
		left, err := a.timeLeft(ctx, f.lease())
		if err != nil {
			return failed("ask", key, reads, err)
		}
		return &store.ForeignError{Record: store.Record{Key: key, Left: left}}
	}
}

// known handles the state of an id that the store knows. Another call may have put the request:
// its etcd lease says how long it stays at most.
func (a *asking) known(ctx context.Context, request, answer *mvccpb.KeyValue) (store.Answer, error) {
	given, ok := parseAnswer(a.request.ID, answer.GetValue())
	switch {
	case ok && (given.Final || time.Now().After(a.end)):
		return given, nil
	case ok:
		return store.Answer{}, nil
	case request == nil:
		return store.Answer{}, &store.Error{Op: "ask", Key: a.request.Key, Condition: store.ErrExpired}
	}
	if _, asker, _ := parseLetter(request); asker == a.letter.asker.String() {
		a.revision = request.ModRevision
		return store.Answer{}, nil
	}
	left, err := a.timeLeft(ctx, clientv3.LeaseID(request.Lease))
	if err != nil {
		return store.Answer{}, failed("ask", a.request.Key, reads, err)
	}
	a.end = time.Now().Add(max(left, firstPause))
	return store.Answer{}, nil
}

// look reads the state of the id. At the deadline it ends the request that this call has put.
func (a *asking) look(ctx context.Context) (store.Answer, error) {
	if a.revision != 0 && time.Now().After(a.end) {
		done, answer, err := a.withdraw(ctx)
		if done {
			err = &store.Error{Op: "ask", Key: a.request.Key, Condition: store.ErrExpired}
		}
		return answer, err
	}
	_, found, err := a.try(ctx, nil, []clientv3.Op{clientv3.OpGet(a.name), clientv3.OpGet(a.answer)}, nil)
	if err != nil {
		return store.Answer{}, failed("ask", a.request.Key, reads, err)
	}
	return a.known(ctx, found[0].first(), found[1].first())
}

// withdraw deletes the request that this call has put, and reports whether it did. If there is
// an answer it returns that.
func (a *asking) withdraw(ctx context.Context) (done bool, answer store.Answer, err error) {
	r, found, err := a.try(ctx, []clientv3.Cmp{clientv3.Compare(clientv3.ModRevision(a.name), "=", a.revision)},
		[]clientv3.Op{clientv3.OpDelete(a.name)}, []clientv3.Op{clientv3.OpGet(a.answer)})
	switch {
	case err != nil:
		return false, answer, failed("ask", a.request.Key, writes, err)
	case r.Succeeded:
		return true, answer, nil
	}
	if answer, ok := parseAnswer(a.request.ID, found[0].first().GetValue()); ok {
		return false, answer, nil
	}
	return true, answer, nil // its etcd lease has ended it
}

// Requests implements [store.Requester].
func (s *Store) Requests(ctx context.Context, key string, token store.Token) iter.Seq2[store.Request, error] {
	return func(yield func(store.Request, error) bool) {
		if err := (store.Renewal{Key: key, Token: token}).Check(); err != nil {
			yield(store.Request{}, err)
			return
		}
		r := &reading{Store: s, key: key, token: token, seen: make(map[string]int64), yield: yield}
		if err := s.readOn(ctx, "requests", key, r.run); err != errStop {
			yield(store.Request{}, err)
		}
	}
}

// readOn calls run again and again until the loop around it is left, the context or the store
// ends, or run fails for good: a missing right does, a request without an answer does not.
func (s *Store) readOn(ctx context.Context, op, key string, run func(context.Context) error) error {
	inner, cancel := context.WithCancelCause(clientv3.WithRequireLeader(ctx))
	defer cancel(nil)
	defer context.AfterFunc(s.tasks.life, func() { cancel(errClosing) })()
	for pause := firstPause; ; pause = min(2*pause, maxPause) {
		err := run(inner)
		switch {
		case err == errStop:
			return err
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case inner.Err() != nil:
			return failed(op, key, reads, errClosing)
		case err == nil:
			pause = firstPause
		case isUnanswered(err) && !errors.Is(err, ErrDenied):
			sleep(inner, pause)
		default:
			return err
		}
	}
}

// errStop is the error of a loop that its body has left.
var errStop = errors.New("the loop was left")

// reading is one call of Requests.
type reading struct {
	*Store
	key   string
	token store.Token
	seen  map[string]int64 // the requests that were yielded, with their revisions
	busy  time.Duration    // of the loop's body since the queue was read
	yield func(store.Request, error) bool
}

// run yields the waiting requests, and then each new one, until it is time to read again.
func (r *reading) run(ctx context.Context) error {
	r.busy = 0
	prefix := mailOf(requests, r.key)
	ops := append(readOps(r.key, withoutValue...), clientv3.OpGet(prefix, clientv3.WithPrefix(), clientv3.WithKeysOnly(),
		clientv3.WithSort(clientv3.SortByCreateRevision, clientv3.SortAscend)))
	found, revision, err := r.query(ctx, ops...)
	if err != nil {
		return failed("requests", r.key, reads, err)
	}
	if err := r.check(decode(r.key, found)); err != nil {
		return err
	}
	still := make(map[string]int64)
	waiting := found[2].GetResponseRange().GetKvs()
	for _, kv := range waiting {
		if revision, ok := r.seen[string(kv.Key)]; ok && revision == kv.ModRevision {
			still[string(kv.Key)] = revision
		}
	}
	r.seen = still
	for _, kv := range waiting {
		if err := r.show(ctx, kv); err != nil {
			return err
		}
	}
	if r.busy > maxBusy {
		return nil
	}
	after := clientv3.WithRev(revision + 1)
	f, err := r.follow(ctx, func(ctx context.Context) []clientv3.WatchChan {
		return []clientv3.WatchChan{
			r.client.Watch(ctx, prefix, clientv3.WithPrefix(), after, clientv3.WithFilterDelete(), clientv3.WithCreatedNotify()),
			r.client.Watch(ctx, noteOf(r.key), after, clientv3.WithFilterPut(), clientv3.WithCreatedNotify()),
		}
	})
	if err != nil {
		return failed("requests", r.key, reads, err)
	}
	defer f.close()
	return f.each(ctx, "requests", r.key, func(e *clientv3.Event) (more bool, err error) {
		if e.Type == clientv3.EventTypeDelete { // of the record
			return false, nil
		}
		err = r.show(ctx, e.Kv)
		return r.busy <= maxBusy, err
	})
}

// maxBusy is for how long the loop's body may run before the queue is read anew: an event does not
// tell for how long it has waited for the body.
const maxBusy = time.Second

// check returns an error unless the record is that of the lease.
func (r *reading) check(f found) error {
	switch {
	case f.ours && f.token() == r.token:
		return nil
	case f.ours:
		return store.Lost("requests", r.key, f.token())
	case f.value != nil:
		return &store.ForeignError{Record: store.Record{Key: r.key, Left: store.Forever}}
	}
	return store.Lost("requests", r.key, 0)
}

// show yields a request, unless it was yielded before, is for another lease, or has ended
// meanwhile. It deletes one that another program wrote, as its form shows.
func (r *reading) show(ctx context.Context, kv *mvccpb.KeyValue) error {
	name := string(kv.Key)
	if r.seen[name] == kv.ModRevision {
		return nil
	}
	got, err := r.get(ctx, name)
	if err != nil {
		return failed("requests", r.key, reads, err)
	}
	if len(got.Kvs) == 0 || got.Kvs[0].ModRevision != kv.ModRevision {
		return nil
	}
	r.seen[name] = kv.ModRevision
	l, _, ok := parseLetter(got.Kvs[0])
	q := store.Request{Key: r.key, ID: name[len(mailOf(requests, r.key)):], Token: l.token, Body: []byte(l.body), TTL: l.ttl}
	switch {
	case !ok || q.Check() != nil:
		same := clientv3.Compare(clientv3.ModRevision(name), "=", kv.ModRevision)
		r.try(ctx, []clientv3.Cmp{same}, []clientv3.Op{clientv3.OpDelete(name)}, nil) // if that fails it is skipped again
		return nil
	case l.token != 0 && l.token != r.token:
		return nil
	}
	if len(kv.Value) == 0 { // it was there before the watch
		left, err := r.timeLeft(ctx, clientv3.LeaseID(got.Kvs[0].Lease))
		if err != nil {
			return failed("requests", r.key, reads, err)
		}
		q.TTL = min(left, l.ttl)
	}
	r.shown.add(name, l.ttl, q.TTL)
	if q.TTL <= 0 {
		return nil
	}
	begun := time.Now()
	if !r.yield(q, nil) {
		return errStop
	}
	r.busy += time.Since(begun)
	return nil
}

// Answer implements [store.Requester].
func (s *Store) Answer(ctx context.Context, key string, token store.Token, a store.Answer) error {
	w := store.Renewal{Key: key, Token: token}
	if err := cmp.Or(w.Check(), a.Check()); err != nil {
		return err
	}
	ctx, leave, err := s.tasks.enter(ctx)
	if err != nil {
		return failed("answer", key, reads, err)
	}
	defer leave()
	return s.answerWith(ctx, writeOf("answer", w), a)
}

// answerWith executes an operation with an answer. It reads the request first, unless this store
// has yielded it: the answer lives at least as long.
func (s *Store) answerWith(ctx context.Context, d *guardedOp, a store.Answer) error {
	r := &reply{key: d.key, id: a.ID, text: textOf(a)}
	if r.ttl = s.shown.take(requestOf(d.key, a.ID)); r.ttl == 0 {
		found, _, err := s.query(ctx, r.reads()...)
		if err != nil {
			return failed(d.op, d.key, reads, err)
		}
		if r.learn(found); !r.known || r.stands && len(d.value) > 0 {
			return s.answerNobody(ctx, d, r)
		}
	}
	for tries := 0; ; tries++ {
		try := *d
		try.reply = r
		if !r.stands {
			on, err := s.mailLease(ctx, max(a.TTL, r.ttl))
			if err != nil {
				return failed(d.op, d.key, reads, err)
			}
			r.on = on
		}
		err := s.write(ctx, &try)
		if !isGone(err) || errors.Is(err, store.ErrLost) || tries == maxTries {
			return err
		}
		s.mailLeases.drop(r.on)
	}
}

// answerNobody returns the error of an operation whose answer nobody waits for, without a change.
func (s *Store) answerNobody(ctx context.Context, d *guardedOp, r *reply) error {
	check := *d
	check.value = nil
	if err := s.write(ctx, &check); err != nil {
		return err
	}
	switch {
	case len(d.value) > 0 && d.seq < check.note.seq:
		return &store.Error{Op: d.op, Key: d.key, Condition: store.ErrStale}
	case len(d.value) > 0 && d.seq == check.note.seq: // the same write, repeated
		return nil
	case r.stands:
		return &store.Error{Op: d.op, Key: d.key, Condition: store.ErrStale}
	}
	return &store.Error{Op: d.op, Key: d.key, Condition: store.ErrExpired}
}

func isUnanswered(err error) bool {
	return errors.Is(err, store.ErrUnavailable) || errors.Is(err, store.ErrInDoubt)
}

// follow opens etcd watches.
func (s *Store) follow(ctx context.Context, open func(context.Context) []clientv3.WatchChan) (*streamWatches, error) {
	return s.streams.open(ctx, s.cluster, func(ctx context.Context) ([]clientv3.WatchChan, error) {
		opened := open(ctx)
		return opened, awaitOpen(ctx, opened...)
	})
}

// each calls do for each event, until do wants no more or fails, or it is time to read again.
func (w *streamWatches) each(ctx context.Context, op, key string, do func(*clientv3.Event) (more bool, err error)) error {
	timer := time.NewTimer(rereadAfter)
	defer timer.Stop()
	for {
		events, err := w.next(ctx, timer.C)
		switch {
		case err != nil:
			return failed(op, key, reads, err)
		case events == nil:
			return nil
		}
		for _, e := range events {
			if more, err := do(e); err != nil || !more {
				return err
			}
		}
	}
}
