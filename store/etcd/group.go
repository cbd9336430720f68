package etcdstore

import (
	"context"
	"runtime"
	"slices"
	"sync"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/leasehold-go/leasehold/store"
)

const (
	// maxConcurrent bounds the transactions of a group under way. A second one is sent
	// beside the first only with minForSecond requests.
	maxConcurrent = 2
	minForSecond  = 16
	// slowAfter is how long a transaction counts as under way. A slower one, as on an etcd
	// member that hangs, does not delay the others.
	slowAfter = 250 * time.Millisecond
	// sharers divides the bytes of a transaction: a request that weighs more than a quarter is
	// sent alone.
	sharers = 4
)

// group collects the creates and deletes of concurrent calls while a transaction is under
// way, and sends them together in the next one: at most one for each key, within the
// server's limit of operations and the bytes of a transaction. Each request is a transaction within
// that transaction, with comparisons and an answer of its own. Few are refused, and reads for a
// refusal would be a third of the bytes, so the refused ones are sent once more, with reads.
type group struct {
	mu       sync.Mutex
	waiting  []*request
	keys     map[string]struct{} // of the waiting requests
	underWay int
	busy     bool // whether the last transaction had more than one request
}

// request is a create or a delete on its way. The mutex of the group guards sent, left and
// txn.
type request struct {
	key    string
	guards []clientv3.Cmp // of names of this key alone, as are the operations
	then   []clientv3.Op
	read   []clientv3.OpOption // with which a refusal reads the key
	size   int                 // its weight
	puts   bool                // else it only deletes
	sent   bool                // it may have had an effect
	left   bool                // its caller no longer waits for the answer
	txn    *transaction
	answer chan outcome // receives the one answer; buffered, for the caller may have left
}

// operation returns the transaction of the request. With reads a refusal reads key and note.
func (r *request) operation(reads bool) clientv3.Op {
	if !reads {
		return clientv3.OpTxn(r.guards, r.then, nil)
	}
	return clientv3.OpTxn(r.guards, r.then, readOps(r.key, r.read...))
}

// outcome is the answer to a request.
type outcome struct {
	revision int64 // of the cluster
	ok       bool  // whether the comparisons succeeded
	answers  []response
	err      error
}

// transaction is a transaction under way. It is given up when its last caller leaves.
type transaction struct {
	callers int // guarded by the mutex of the group
	giveUp  context.CancelFunc
}

// submit sends a request, alone or with other callers' requests, and returns its answer. If
// ctx ends first, the error is an *unsentError exactly if the request is never sent.
func (w *writer) submit(ctx context.Context, r *request) outcome {
	if ctx.Err() != nil {
		return outcome{err: &unsentError{context.Cause(ctx)}}
	}
	g := &w.group
	g.mu.Lock()
	_, twice := g.keys[r.key]
	if twice || r.size > int(w.bytes.Load())/sharers {
		g.mu.Unlock()
		return w.alone(ctx, r.operation(true))
	}
	if g.underWay == 0 && !g.busy {
		g.underWay++
		g.mu.Unlock()
		release := w.hold()
		defer release()
		return w.alone(ctx, r.operation(true))
	}
	r.answer = make(chan outcome, 1)
	g.waiting = append(g.waiting, r)
	g.keys[r.key] = struct{}{}
	if g.underWay == 0 || g.underWay < maxConcurrent && len(g.waiting) >= minForSecond {
		g.underWay++
		w.sendNext()
	}
	g.mu.Unlock()
	select {
	case answer := <-r.answer:
		return answer
	case <-ctx.Done():
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if !r.sent {
		g.waiting = slices.DeleteFunc(g.waiting, func(other *request) bool { return other == r })
		delete(g.keys, r.key)
		return outcome{err: &unsentError{context.Cause(ctx)}}
	}
	r.left = true
	if r.txn.callers--; r.txn.callers == 0 {
		r.txn.giveUp()
	}
	select {
	case answer := <-r.answer:
		return answer
	default:
		return outcome{err: context.Cause(ctx)}
	}
}

// alone sends a transaction by itself.
func (w *writer) alone(ctx context.Context, op clientv3.Op) outcome {
	guards, then, otherwise := op.Txn()
	answer, answers, err := w.commit(ctx, guards, then, otherwise)
	if err != nil {
		return outcome{err: err}
	}
	return outcome{answer.Header.Revision, answer.Succeeded, answers, nil}
}

// hold counts a transaction as under way until release is called, or for slowAfter if that
// is less.
func (w *writer) hold() (release func()) {
	g := &w.group
	return onceDoneOrSlow(func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		w.sendNext()
	})
}

// onceDoneOrSlow returns a function for the end of some work. It calls release, unless the
// work has taken slowAfter: release was called then.
func onceDoneOrSlow(release func()) (done func()) {
	once := sync.OnceFunc(release)
	late := time.AfterFunc(slowAfter, once)
	return func() {
		late.Stop()
		once()
	}
}

// sendNext starts a transaction of the waiting requests, in place of one that is no longer
// under way. The caller holds the group's mutex.
func (w *writer) sendNext() {
	g := &w.group
	alone := g.underWay == 1 && len(g.waiting) > 0
	if (alone || len(g.waiting) >= minForSecond) && w.tasks.start(w.sendWaiting) {
		return
	}
	g.underWay-- // if the store was closed, the contexts of the waiting calls have ended
}

// sendWaiting sends waiting requests, as many as one transaction can have.
func (w *writer) sendWaiting(ctx context.Context) {
	g := &w.group
	runtime.Gosched() // callers that have just been answered can add their next requests
	ctx, giveUp := context.WithCancel(ctx)
	defer giveUp()
	g.mu.Lock()
	batch := g.take(w.guarded(), int(w.bytes.Load()))
	g.busy = len(batch) > 1
	batch = together(batch, giveUp)
	g.mu.Unlock()
	release := w.hold()
	defer release()
	refused := w.sendBatch(ctx, batch, len(batch) == 1)
	g.mu.Lock()
	refused = together(refused, giveUp)
	g.mu.Unlock()
	w.sendBatch(ctx, refused, true)
}

// together makes requests those of one transaction, unless their callers have left, and returns
// them. The caller holds the group's mutex.
func together(batch []*request, giveUp context.CancelFunc) []*request {
	batch = slices.DeleteFunc(batch, func(r *request) bool { return r.left })
	txn := &transaction{len(batch), giveUp}
	for _, r := range batch {
		r.sent, r.txn = true, txn
	}
	return batch
}

// sendBatch sends requests in one transaction and returns those that were refused. With reads a
// refusal is an answer too.
func (w *writer) sendBatch(ctx context.Context, batch []*request, reads bool) (refused []*request) {
	if len(batch) == 0 {
		return nil
	}
	ops := make([]clientv3.Op, len(batch))
	for i, r := range batch {
		ops[i] = r.operation(reads)
	}
	answer, answers, err := w.commit(ctx, nil, ops, nil)
	if err == nil {
		for i, r := range batch {
			if ok, inner := answers[i].inner(); ok || reads {
				r.answer <- outcome{answer.Header.Revision, ok, inner, nil}
			} else {
				refused = append(refused, r)
			}
		}
		return refused
	}
	w.learnLimit(err)
	var all sync.WaitGroup
	for _, r := range batch {
		if len(batch) > 1 && (divisible(err) || isFull(err) && !r.puts) {
			all.Go(func() { w.resend(ctx, r) })
		} else {
			r.answer <- outcome{err: err}
		}
	}
	all.Wait()
	return nil
}

// resend sends a request of a transaction that was refused, unless its caller has left.
func (w *writer) resend(ctx context.Context, r *request) {
	ctx, giveUp := context.WithCancel(ctx)
	defer giveUp()
	g := &w.group
	g.mu.Lock()
	if r.left {
		g.mu.Unlock()
		return
	}
	r.txn = &transaction{1, giveUp}
	g.mu.Unlock()
	r.answer <- w.alone(ctx, r.operation(true))
}

// take removes the first waiting requests, and returns them.
func (g *group) take(most, bytes int) []*request {
	n, size := 0, 0
	for n < min(most, len(g.waiting)) && (n == 0 || size+g.waiting[n].size <= bytes) {
		size += g.waiting[n].size
		delete(g.keys, g.waiting[n].key)
		n++
	}
	batch := slices.Clone(g.waiting[:n])
	g.waiting = slices.Delete(g.waiting, 0, n)
	return batch
}

// createRequest returns the request of a create.
func createRequest(m *member, claim store.Claim, marks clientv3.LeaseID) *request {
	mark := markOf(claim.Key, claim.Nonce)
	return &request{key: claim.Key, size: weight(claim.Key, claim.Value), puts: true,
		guards: []clientv3.Cmp{absent(claim.Key), absent(mark)}, then: putsOf(m, claim, mark, marks)}
}
