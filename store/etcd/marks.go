package etcdstore

import (
	"context"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/leasehold-go/leasehold/store"
)

const (
	markLife         = 24 * time.Hour // a mark lives at least so long and twice the ttl
	markRotation     = time.Hour      // an etcd lease takes new marks for so long
	maxMarksPerLease = 8192           // and so many of them

	trimEvery = 64 // creates, on average, between two trims of the marks
	minMarks  = 16 // newest marks of a key that a trim keeps

	// The values of a mark. A nonce is ended while its create may still be under way, so
	// an ended mark is not dropped, however many marks come after it.
	used  = "1"
	ended = "2"
)

// marker keeps the marks of nonces.
type marker struct {
	*writer
	trimming atomic.Bool // whether a task is trimming marks

	mu      sync.Mutex
	lease   marksLease
	unended map[string]struct{} // names of marks for endLater; nil if there are none
}

// close returns the etcd lease of marks if it has none, for the caller to revoke.
func (m *marker) close() (idle []clientv3.LeaseID) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.lease.lease != 0 && m.lease.marks == 0 {
		idle, m.lease.lease = append(idle, m.lease.lease), 0
	}
	return idle
}

// marksLease is the etcd lease that the next marks of nonces are put on. It is never renewed,
// so that its marks expire together.
type marksLease struct {
	lease    clientv3.LeaseID
	ttl      time.Duration // the longest ttl of a record whose mark it takes
	until    time.Time     // when it stops taking marks
	marks    int
	underWay chan struct{} // closed when the grant under way is over; nil while there is none
}

// takes reports whether there is room for the mark of a record of that ttl.
func (l *marksLease) takes(ttl time.Duration) bool {
	return l.lease != 0 && ttl <= l.ttl && l.marks < maxMarksPerLease && time.Now().Before(l.until)
}

// prepare has an etcd lease of marks granted if there is none with room, while the caller has
// one granted for the record.
func (m *marker) prepare(ttl time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.lease.underWay != nil || m.lease.takes(ttl) {
		return
	}
	if m.tasks.start(func(ctx context.Context) { m.grantMarksLease(ctx, max(ttl, markRotation)) }) {
		m.lease.underWay = make(chan struct{})
	}
}

// reserveMark returns the etcd lease to put one more mark on, for a record of that ttl.
func (m *marker) reserveMark(ctx context.Context, ttl time.Duration) (clientv3.LeaseID, error) {
	for {
		m.mu.Lock()
		l := &m.lease
		if l.takes(ttl) {
			l.marks++
			defer m.mu.Unlock()
			return l.lease, nil
		}
		underWay := l.underWay
		if underWay == nil {
			l.underWay = make(chan struct{})
		}
		m.mu.Unlock()
		var err error
		if underWay != nil {
			err = await(ctx, underWay)
		} else {
			err = m.grantMarksLease(ctx, max(ttl, markRotation))
		}
		if err != nil {
			return 0, err
		}
	}
}

// grantMarksLease asks for the next etcd lease of marks.
func (m *marker) grantMarksLease(ctx context.Context, ttl time.Duration) error {
	began := time.Now()
	life := markLife + markRotation + 2*ttl
	lease, err := m.grant(ctx, int64(life/time.Second))
	m.mu.Lock()
	defer m.mu.Unlock()
	close(m.lease.underWay)
	m.lease.underWay = nil
	if err == nil {
		m.lease = marksLease{lease: lease, ttl: ttl, until: began.Add(markRotation)}
	}
	return err
}

// dropMarksLease makes the next mark use another etcd lease than this one.
func (m *marker) dropMarksLease(lease clientv3.LeaseID) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.lease.lease == lease {
		m.lease.lease = 0
	}
}

// trim drops the oldest used marks of a key, unless they end meanwhile. If it fails, a later
// create tries again.
func (m *marker) trim(ctx context.Context, key string) {
	all, err := m.get(ctx, marksOf(key), clientv3.WithPrefix())
	if err != nil {
		return
	}
	ages := make([]int64, len(all.Kvs))
	for i, kv := range all.Kvs {
		ages[i] = kv.CreateRevision
	}
	slices.Sort(ages)
	newest := ages[max(len(ages)-minMarks, 0):]
	// Marks that follow each other by name are dropped together, with one comparison for all, up
	// to the next ended mark.
	var some []string
	for i, kv := range all.Kvs {
		isUsed := string(kv.Value) == used
		if isUsed && kv.CreateRevision < newest[0] {
			some = append(some, string(kv.Key))
		}
		if last := i == len(all.Kvs)-1; len(some) > 0 && (!isUsed || last || len(some) == m.guarded()) {
			if err := m.drop(ctx, some); err != nil {
				m.learnLimit(err)
				return
			}
			some = nil
		}
	}
}

// drop deletes marks, in order, if all from the first to the last are used.
func (m *marker) drop(ctx context.Context, marks []string) error {
	ops := make([]clientv3.Op, len(marks))
	for i, mark := range marks {
		ops[i] = clientv3.OpDelete(mark)
	}
	all := clientv3.Compare(clientv3.Value(marks[0]), "=", used).WithRange(marks[len(marks)-1] + "\x00")
	_, _, err := m.commit(ctx, []clientv3.Cmp{all}, ops, nil)
	return err
}

// trimSoon trims in the background, one key at a time, after one create of trimEvery, which
// it picks by the nonce. Counting the marks on every create would cost a tenth of it.
func (m *marker) trimSoon(claim store.Claim) {
	if claim.Nonce[0]%trimEvery != 0 || !m.trimming.CompareAndSwap(false, true) {
		return
	}
	started := m.tasks.start(func(ctx context.Context) {
		defer m.trimming.Store(false)
		m.trim(ctx, claim.Key)
	})
	if !started {
		m.trimming.Store(false)
	}
}

// endNonce ends the lease that a create with nonce n began, and keeps a late create with n
// from beginning one, even after the create's own mark was trimmed. A mark that is there stays
// on its etcd lease, which its create chose for its ttl. Unless from is zero, a record on
// another etcd lease stays.
func (m *marker) endNonce(ctx context.Context, key string, n store.Nonce, from clientv3.LeaseID) error {
	for {
		lease, err := m.reserveMark(ctx, 0)
		if err != nil {
			return m.endFull(ctx, key, n, from, err)
		}
		end := clientv3.OpTxn([]clientv3.Cmp{absent(markOf(key, n))},
			[]clientv3.Op{clientv3.OpPut(markOf(key, n), ended, clientv3.WithLease(lease))},
			[]clientv3.Op{putEnded(markOf(key, n))})
		_, answers, err := m.commit(ctx, nil, append(readOps(key, withoutValue...), end), nil)
		switch {
		case isGone(err):
			m.dropMarksLease(lease)
			continue
		case err != nil:
			return m.endFull(ctx, key, n, from, err)
		}
		return m.remove(ctx, store.ByNonce(n), decode(key, answers), from)
	}
}

// putEnded changes a mark that is there.
func putEnded(mark string) clientv3.Op {
	return clientv3.OpPut(mark, ended, clientv3.WithIgnoreLease())
}

// endFull is endNonce for servers without space for a mark; they still delete. If there is
// neither a record nor a mark, the create may still arrive, and err is returned as unsent.
// A mark that is there gets its new value once there is space.
func (m *marker) endFull(ctx context.Context, key string, n store.Nonce, from clientv3.LeaseID, err error) error {
	if !isFull(err) {
		return err
	}
	answers, _, late := m.query(ctx, append(readOps(key, withoutValue...), clientv3.OpGet(markOf(key, n)))...)
	if late != nil {
		return late
	}
	f, mark := decode(key, answers), answers[2].first()
	if mark != nil {
		m.endLater(string(mark.Key))
	}
	switch {
	case f.has(store.ByNonce(n)):
		return m.remove(ctx, store.ByNonce(n), f, from)
	case mark != nil:
		return nil
	}
	return &unsentError{err}
}

// endLater puts the ended value into a mark once the servers have space again, or a trim could
// drop the mark while its create may still be under way. One goroutine does so for all marks.
func (m *marker) endLater(mark string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.unended == nil && m.tasks.start(m.endUnended) {
		m.unended = make(map[string]struct{})
	}
	if m.unended != nil {
		m.unended[mark] = struct{}{}
	}
}

// endUnended ends when there is no such mark left, or with the store.
func (m *marker) endUnended(ctx context.Context) {
	for ctx.Err() == nil {
		sleep(ctx, maxPause)
		m.mu.Lock()
		some := slices.Collect(maps.Keys(m.unended))
		m.mu.Unlock()
		var failed bool
		for _, mark := range some {
			there := clientv3.Compare(clientv3.CreateRevision(mark), ">", 0)
			if _, _, err := m.commit(ctx, []clientv3.Cmp{there}, []clientv3.Op{putEnded(mark)}, nil); err != nil {
				failed = true
				break
			}
			m.mu.Lock()
			delete(m.unended, mark)
			m.mu.Unlock()
		}
		m.mu.Lock()
		done := !failed && len(m.unended) == 0
		if done {
			m.unended = nil
		}
		m.mu.Unlock()
		if done {
			return
		}
	}
}
