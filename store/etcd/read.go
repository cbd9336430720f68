package etcdstore

import (
	"context"
	"errors"
	"slices"
	"time"

	"go.etcd.io/etcd/api/v3/mvccpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/leasehold-go/leasehold/store"
)

// found is the value under a key and its note, at one revision.
type found struct {
	key    string
	value  *mvccpb.KeyValue // nil if there is none
	noteKV *mvccpb.KeyValue // the note as it is stored; nil if there is none
	note   note             // if the record is ours
	ours   bool
	at     int64 // the revision of the read; zero if it was not made by read
}

// inspect finds out whether the record is ours: it then has the revision of its note, because
// only the library writes notes, and it never writes one of the two alone.
func inspect(key string, value, noteKV *mvccpb.KeyValue) found {
	f := found{key: key, value: value, noteKV: noteKV}
	if value == nil || noteKV == nil || value.ModRevision != noteKV.ModRevision ||
		value.Lease == 0 || value.Lease != noteKV.Lease {
		return f
	}
	f.note, f.ours = parseNote(string(noteKV.Value))
	return f
}

// token returns the record's token, or zero if the record is not ours.
func (f found) token() store.Token {
	if !f.ours {
		return 0
	}
	return store.Token(f.value.CreateRevision)
}

// has reports whether the record is ours and ref names its lease.
func (f found) has(ref store.LeaseRef) bool {
	return f.ours && (f.token() == ref.Token || f.note.nonce == ref.Nonce)
}

func (f found) lease() clientv3.LeaseID { return clientv3.LeaseID(f.value.Lease) }

// record returns the record for a caller, without its time left.
func (f found) record() store.Record {
	return store.Record{Key: f.key, Value: f.value.Value, Token: f.token()}
}

// withoutValue reads a key without its value. An etcd 3.7 that need not sort by value drops the
// etcd lease too.
var withoutValue = []clientv3.OpOption{clientv3.WithKeysOnly(), clientv3.WithSort(clientv3.SortByValue, clientv3.SortAscend)}

// readOps returns the operations that read a key, with opts, and its note. A delete reads the
// key without the value, so that a value larger than the client takes does not prevent it.
func readOps(key string, opts ...clientv3.OpOption) []clientv3.Op {
	return []clientv3.Op{clientv3.OpGet(key, opts...), clientv3.OpGet(noteOf(key))}
}

// decode reads the answers to the operations of readOps.
func decode(key string, answers []response) found {
	return inspect(key, answers[0].first(), answers[1].first())
}

// read returns the values, with opts, and notes of keys. The keys of one transaction are read
// at one revision.
func (c *cluster) read(ctx context.Context, keys []string, opts ...clientv3.OpOption) ([]found, error) {
	all, err := retryHung(func() ([]found, error) { return c.readOnce(ctx, keys, opts) })
	if errors.Is(err, rpctypes.ErrTooManyOps) {
		c.learnLimit(err)
	} else if !isTooLarge(err) { // the values are large, not the request
		return all, err
	}
	if len(keys) == 1 {
		return nil, err
	}
	if all, err = c.read(ctx, keys[:len(keys)/2], opts...); err != nil {
		return nil, err
	}
	rest, err := c.read(ctx, keys[len(keys)/2:], opts...)
	return append(all, rest...), err
}

func (c *cluster) readOnce(ctx context.Context, keys []string, opts []clientv3.OpOption) ([]found, error) {
	ops := make([]clientv3.Op, 0, 2*len(keys))
	for _, key := range keys {
		ops = append(ops, readOps(key, opts...)...)
	}
	answer, answers, err := c.try(ctx, nil, ops, nil)
	if err != nil {
		return nil, err
	}
	all := make([]found, len(keys))
	for i, key := range keys {
		all[i] = decode(key, answers[2*i:])
		all[i].at = answer.Header.Revision
	}
	return all, nil
}

// query makes a transaction of reads. The answers are of one revision.
func (c *cluster) query(ctx context.Context, ops ...clientv3.Op) (answers []response, revision int64, err error) {
	answer, err := retryHung(func() (answer *clientv3.TxnResponse, err error) {
		answer, answers, err = c.try(ctx, nil, ops, nil)
		return answer, err
	})
	if err != nil {
		return nil, 0, err
	}
	return answers, answer.Header.Revision, nil
}

// readEach is read for any number of keys.
func (c *cluster) readEach(ctx context.Context, keys []string) ([]found, error) {
	var all []found
	for some := range slices.Chunk(keys, maxPairs) {
		part, err := c.read(ctx, some)
		if err != nil {
			return nil, err
		}
		all = append(all, part...)
	}
	return all, nil
}

// readOne is read for one key.
func (c *cluster) readOne(ctx context.Context, key string) (found, error) {
	all, err := c.read(ctx, []string{key})
	if err != nil {
		return found{}, err
	}
	return all[0], nil
}

// timeLeft asks for the time left of an etcd lease. It is zero if the etcd lease is gone. The
// server rounds down to a second, so timeLeft adds one; an etcd lease that has expired and
// not been revoked yet has that second too. The caller has found a key on the etcd lease, so that
// the store knows the term of a leader that knows it: one before it may take it for gone.
func (c *cluster) timeLeft(ctx context.Context, id clientv3.LeaseID) (time.Duration, error) {
	if id == 0 {
		return store.Forever, nil
	}
	answer, err := retryHung(func() (*clientv3.LeaseTimeToLiveResponse, error) {
		ctx, cancel := tryContext(ctx)
		defer cancel()
		answer, err := c.client.TimeToLive(ctx, id)
		if err == nil && answer.GrantedTTL <= 0 {
			err = c.checkTerm(answer.RaftTerm)
		}
		return answer, c.cause(ctx, err)
	})
	switch {
	case err != nil:
		return 0, err
	case answer.GrantedTTL <= 0:
		return 0, nil
	}
	return seconds(min(max(answer.TTL, 0)+1, answer.GrantedTTL)), nil
}

func seconds(n int64) time.Duration { return time.Duration(n) * time.Second }
