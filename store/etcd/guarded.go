package etcdstore

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/leasehold-go/leasehold/store"
)

// maxTries bounds how often a write is sent again because the record was written meanwhile.
// Only the record's own holder writes it, so that more tries are not needed. An append to the log
// is sent beside those writes; see operation.
const maxTries = 8

var errBusy = errors.New("the record is being written by others all the time")

// guardedOp is a guarded write to one record, a delete of it, or only a check. The guard is
// the last known revision of the record. If it fails the answer has the present record, and
// the operation is refused or tried again.
type guardedOp struct {
	op     string
	key    string
	ref    store.LeaseRef
	remove bool             // a delete; else a write, or a check if there is no value
	onto   clientv3.LeaseID // the etcd lease to move the record to, if not zero
	from   clientv3.LeaseID // delete only a record on this etcd lease, if not zero
	value  []byte           // empty for a check
	seq    uint64
	reply  *reply // an answer to store with the value, or by itself; may be nil
	// entries are entries of the log to store with the value, or by themselves; may be nil.
	entries *entryPuts

	revision int64 // of record and note; zero while unknown
	note     note
	lease    clientv3.LeaseID // the record's
	stray    string           // the name of the record or the note, if the other is gone
	full     error            // the error of a server without space
	tries    int              // how often it was sent
	hung     error            // why a check or a delete got no answer; it is then sent again
	inDoubt  bool             // a delete without an answer may have been applied

	until time.Time // of a renew that succeeded

	done bool
	err  error
}

// learn compares the record that was found with the one to write. It ends the operation if
// that shows its result, else it notes the revision for the next try.
func (d *guardedOp) learn(f found) {
	mine := f.has(d.ref)
	switch {
	case d.remove && !mine:
		d.learnNotMine(f)
	case d.remove && d.from != 0 && d.from != f.lease():
		d.done = true
	case !mine && f.value != nil && !f.ours:
		d.fail(&store.ForeignError{Record: f.record()})
		d.lease = f.lease()
	case !mine && f.ours:
		d.fail(store.Lost(d.op, d.key, store.Token(f.value.CreateRevision)))
	case !mine:
		d.fail(store.Lost(d.op, d.key, 0))
	case len(d.value) > 0 && d.seq < f.note.seq:
		d.fail(&store.Error{Op: d.op, Key: d.key, Condition: store.ErrStale})
	default:
		d.revision, d.note, d.lease = f.value.ModRevision, f.note, f.lease()
		if d.onto != 0 && d.onto == d.lease {
			d.done = true
		} else if d.full != nil && d.puts() {
			d.fail(&store.Error{Op: d.op, Key: d.key, Condition: store.ErrUnavailable, Err: named(d.full)})
		}
	}
}

// learnNotMine ends a delete if its record is gone. If another program deleted only the record
// or only the note, the other one is deleted next.
func (d *guardedOp) learnNotMine(f found) {
	switch {
	case d.revision == 0 || d.stray != "":
		d.done = true
	case f.noteKV != nil && f.noteKV.ModRevision == d.revision:
		d.stray = noteOf(d.key)
	case f.value != nil && f.value.ModRevision == d.revision:
		d.stray = d.key
	default:
		d.done = true
	}
}

func (d *guardedOp) fail(err error) { d.done, d.err = true, err }

// writes reports whether the operation has a value to put. If the record already has the
// value's number, the same write was applied before.
func (d *guardedOp) writes() bool {
	return !d.remove && len(d.value) > 0 && d.seq > d.note.seq
}

// replies reports whether the operation has an answer to put.
func (d *guardedOp) replies() bool {
	return d.reply != nil && !d.reply.stands && (len(d.value) == 0 || d.writes())
}

// appends reports whether the operation has entries to put.
func (d *guardedOp) appends() bool {
	return d.entries != nil && (len(d.value) == 0 || d.writes())
}

// written returns the note of the record with the operation's value.
func (d *guardedOp) written() note {
	n := d.note
	n.seq, n.size = d.seq, len(d.value)
	return n
}

// operation returns the transaction of the operation: the change if the guard holds, else a
// read.
func (d *guardedOp) operation() clientv3.Op {
	switch {
	case d.remove:
		return d.removal().operation(true)
	case d.onto != 0:
		on := clientv3.WithLease(d.onto)
		return clientv3.OpTxn(untouched(d.key, d.revision), []clientv3.Op{
			clientv3.OpPut(d.key, "", clientv3.WithIgnoreValue(), on),
			clientv3.OpPut(noteOf(d.key), "", clientv3.WithIgnoreValue(), on),
		}, readOps(d.key))
	}
	guards, otherwise := untouched(d.key, d.revision), readOps(d.key)
	if d.entries != nil && len(d.value) == 0 && d.tries > 1 {
		// The record was written since the last try, and the holder may do so all the time. It has just
		// been read as the lease's.
		guards = createdAt(d.key, int64(d.ref.Token))
	}
	var puts []clientv3.Op
	if d.writes() {
		puts = append(puts, clientv3.OpPut(d.key, string(d.value), clientv3.WithIgnoreLease()),
			clientv3.OpPut(noteOf(d.key), d.written().String(), clientv3.WithIgnoreLease()))
	}
	if d.replies() {
		guards, puts, otherwise = append(guards, d.reply.guards()...), append(puts, d.reply.puts()...), append(otherwise, d.reply.reads()...)
	}
	if d.appends() {
		puts = append(puts, d.entries.ops...)
	}
	return clientv3.OpTxn(guards, puts, otherwise)
}

// removal returns the request of a delete. Its guard is the revision of the record alone, which
// is the note's too: should another program have written the note, the note goes with its record.
func (d *guardedOp) removal() *request {
	name, then := d.key, []clientv3.Op{clientv3.OpDelete(d.key), clientv3.OpDelete(noteOf(d.key))}
	if d.stray != "" {
		name, then = d.stray, []clientv3.Op{clientv3.OpDelete(d.stray)}
	}
	return &request{key: d.key, size: d.weight(), read: withoutValue, then: then,
		guards: []clientv3.Cmp{clientv3.Compare(clientv3.ModRevision(name), "=", d.revision)}}
}

// writer makes guarded writes, and sends the writes of concurrent calls together.
type writer struct {
	*cluster
	group group
}

func newWriter(c *cluster) *writer {
	return &writer{cluster: c, group: group{keys: make(map[string]struct{})}}
}

// execute sends operations until each is done, with its error if it failed. An operation
// waits for another transaction only if that has an operation of the same key.
func (w *writer) execute(ctx context.Context, items []*guardedOp) {
	for open := firstPerKey(items); len(open) > 0; open = firstPerKey(items) {
		inParallel(slices.Collect(slices.Chunk(open, w.guarded())), func(some []*guardedOp) {
			for open := nextTry(some); len(open) > 0; open = nextTry(some) {
				w.learn(ctx, open)
				inParallel(chunksOf(open, w.guarded(), int(w.bytes.Load())), func(chunk []*guardedOp) { w.send(ctx, chunk) })
			}
		})
	}
}

// firstPerKey returns the first operation of each key that is not done.
func firstPerKey(items []*guardedOp) (open []*guardedOp) {
	seen := make(map[string]struct{})
	for _, d := range items {
		if _, later := seen[d.key]; !d.done && !later {
			seen[d.key] = struct{}{}
			open = append(open, d)
		}
	}
	return open
}

// nextTry returns the operations that are not done. After maxTries an operation fails.
func nextTry(items []*guardedOp) (open []*guardedOp) {
	for _, d := range items {
		if d.done {
			continue
		}
		switch d.tries++; {
		case d.tries <= maxTries:
			open = append(open, d)
		case d.hung != nil:
			d.failed(reads, d.hung)
		default:
			d.failed(reads, errBusy)
		}
	}
	return open
}

// learn reads the records of operations without a revision.
func (w *writer) learn(ctx context.Context, items []*guardedOp) {
	unknown := slices.DeleteFunc(slices.Clone(items), func(d *guardedOp) bool { return d.done || d.revision != 0 })
	inParallel(slices.Collect(slices.Chunk(unknown, maxPairs)), func(chunk []*guardedOp) { w.learnChunk(ctx, chunk) })
}

// learnChunk is learn for one transaction. If the servers refuse the transaction, it reads each
// half by itself, until the refused operation is alone.
func (w *writer) learnChunk(ctx context.Context, chunk []*guardedOp) {
	keys := make([]string, len(chunk))
	for i, d := range chunk {
		keys[i] = d.key
	}
	var opts []clientv3.OpOption
	if chunk[0].remove {
		opts = withoutValue
	}
	all, err := w.read(ctx, keys, opts...)
	if half := len(chunk) / 2; half > 0 && err != nil && divisible(err) {
		w.learnChunk(ctx, chunk[:half])
		w.learnChunk(ctx, chunk[half:])
		return
	}
	for i, d := range chunk {
		switch {
		case err == nil:
			d.learn(all[i])
		case errors.Is(err, errHung) && ctx.Err() == nil:
			d.hung = err
		default:
			d.failed(reads, err)
		}
	}
}

// chunksOf splits operations of different keys into chunks for one transaction each: at most
// so many operations, and bytes of weight if there are several. Operations that can be sent again, the
// checks and deletes, are in chunks of their own.
func chunksOf(open []*guardedOp, most, bytes int) (chunks [][]*guardedOp) {
	for _, puts := range []bool{false, true} {
		var chunk []*guardedOp
		size := 0
		for _, d := range open {
			if d.done || d.revision == 0 || d.puts() != puts {
				continue
			}
			if len(chunk) > 0 && (len(chunk) == most || size+d.weight() > bytes) {
				chunks = append(chunks, chunk)
				chunk, size = nil, 0
			}
			chunk = append(chunk, d)
			size += d.weight()
		}
		if len(chunk) > 0 {
			chunks = append(chunks, chunk)
		}
	}
	return chunks
}

// puts reports whether the operation puts a value, an answer, entries or an etcd lease. A check
// or a delete does not, and can be sent again.
func (d *guardedOp) puts() bool { return d.onto != 0 || d.writes() || d.replies() || d.appends() }

// weight returns the weight of the operation.
func (d *guardedOp) weight() int {
	w := weight(d.key, nil)
	if d.writes() {
		w = weight(d.key, d.value)
	}
	if d.replies() {
		w += weight(d.key, []byte(d.reply.text))
	}
	if d.appends() {
		w += d.entries.bytes
	}
	return w
}

// send sends the operations of a chunk in one transaction. A delete that is alone in its
// chunk shares one with other callers. If the servers refuse the transaction, each half is
// sent by itself, until the refused operation is alone.
func (w *writer) send(ctx context.Context, chunk []*guardedOp) {
	try, cancel := ctx, func() {}
	if !chunk[0].puts() {
		try, cancel = tryWithin(ctx, min(memberTimeout, time.Second<<(chunk[0].tries-1)))
	}
	defer cancel()
	if d := chunk[0]; len(chunk) == 1 {
		if d.remove {
			d.answered(w.submit(try, d.removal()))
		} else {
			d.answered(w.alone(try, d.operation()))
		}
		return
	}
	ops := make([]clientv3.Op, len(chunk))
	for i, d := range chunk {
		ops[i] = d.operation()
	}
	answer, answers, err := w.commit(try, nil, ops, nil)
	if w.learnLimit(err); err != nil && divisible(err) {
		half := len(chunk) / 2
		w.send(ctx, chunk[:half])
		w.send(ctx, chunk[half:])
		return
	}
	for i, d := range chunk {
		if err != nil {
			d.answered(outcome{err: err})
			continue
		}
		ok, inner := answers[i].inner()
		d.answered(outcome{answer.Header.Revision, ok, inner, nil})
	}
}

// answered handles the answer to the operation.
func (d *guardedOp) answered(answer outcome) {
	switch err := answer.err; {
	case err == nil && !answer.ok:
		replied := d.replies()
		if d.learn(decode(d.key, answer.answers)); replied && !d.done {
			d.reply.learn(answer.answers[2:])
			switch {
			case d.replies() && !d.reply.known:
				d.fail(&store.Error{Op: d.op, Key: d.key, Condition: store.ErrExpired})
			case d.writes() && d.reply.stands:
				d.fail(&store.Error{Op: d.op, Key: d.key, Condition: store.ErrStale})
			}
		}
	case err == nil:
		d.done = true
		if d.onto != 0 {
			d.revision, d.lease = answer.revision, d.onto
		} else if d.writes() {
			d.revision, d.note = answer.revision, d.written()
		}
	case isFull(err) && d.full == nil && (len(d.value) > 0 || !d.replies()):
		d.full, d.revision = err, 0 // read the record: the write that fills the database is applied
	case d.writes() && isRequestTooLarge(err, len(d.value)):
		d.fail(valueTooLarge(d.value, err))
	case errors.Is(err, errHung) && !d.puts(): // the limit of this try, or of a keep-alive around it
		d.hung = err
		d.inDoubt = d.inDoubt || d.remove && !unsent(err)
	default:
		d.failed(intent(d.remove || d.puts()), err)
	}
}

// failed ends the operation with an error. A delete is in doubt if an earlier try got no
// answer, whatever the last try got.
func (d *guardedOp) failed(i intent, err error) {
	if d.inDoubt {
		d.fail(&store.Error{Op: d.op, Key: d.key, Condition: store.ErrInDoubt, Err: named(err)})
	} else {
		d.fail(failed(d.op, d.key, i, err))
	}
}

// remove deletes the record that was found if ref names its lease and, unless from is zero, if
// it is on that etcd lease.
func (w *writer) remove(ctx context.Context, ref store.LeaseRef, f found, from clientv3.LeaseID) error {
	d := &guardedOp{op: "delete", key: f.key, ref: ref, remove: true, from: from}
	d.learn(f)
	w.execute(ctx, []*guardedOp{d})
	return d.err
}

// writeOf returns the operation of a valid renewal or update.
func writeOf(op string, w store.Renewal) *guardedOp {
	return &guardedOp{op: op, key: w.Key, ref: store.ByToken(w.Token), value: bytes.Clone(w.Value), seq: w.Seq}
}
