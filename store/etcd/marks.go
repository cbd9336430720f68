package etcdstore

import (
	"context"
	"slices"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/leasehold-go/leasehold/store"
)

const (
	markLife         = 24 * time.Hour // the least that a nonce is, and twice its ttl
	markRotation     = time.Hour      // that one lease takes marks for
	maxMarksPerLease = 8192           // marks on one lease

	trimEvery = 64 // creates, on average, the oldest marks of the key are dropped
	minMarks  = 16 // and so many of the newest stay

	// What a mark says of its nonce. One that was ended while its create may still be
	// under way is not dropped, however many come after it.
	used  = "1"
	ended = "2"
)

// memory is the lease that marks of nonces are put on. It is never renewed: marks go
// by themselves, a lease of them at a time. The store's mutex guards it.
type marksLease struct {
	lease    clientv3.LeaseID
	ttl      time.Duration // the longest of a record whose mark it may take
	until    time.Time     // that it takes marks
	marks    int
	underWay chan struct{} // closed when the grant under way is over; nil while there is none
}

// markLease returns the lease for one more mark of a record with that ttl.
func (s *Store) reserveMark(ctx context.Context, ttl time.Duration) (clientv3.LeaseID, error) {
	for {
		s.mu.Lock()
		m := &s.marksLease
		if m.lease != 0 && ttl <= m.ttl && m.marks < maxMarksPerLease && time.Now().Before(m.until) {
			m.marks++
			defer s.mu.Unlock()
			return m.lease, nil
		}
		underWay := m.underWay
		if underWay == nil {
			m.underWay = make(chan struct{})
		}
		s.mu.Unlock()
		var err error
		if underWay != nil {
			err = await(ctx, underWay)
		} else {
			err = s.grantMarksLease(ctx, max(ttl, markRotation))
		}
		if err != nil {
			return 0, err
		}
	}
}

func (s *Store) grantMarksLease(ctx context.Context, ttl time.Duration) error {
	began := time.Now()
	life := markLife + markRotation + 2*ttl
	lease, err := s.grant(ctx, int64(life/time.Second))
	s.mu.Lock()
	defer s.mu.Unlock()
	close(s.marksLease.underWay)
	s.marksLease.underWay = nil
	if err == nil {
		s.marksLease = marksLease{lease: lease, ttl: ttl, until: began.Add(markRotation)}
	}
	return err
}

// dropMarksLease has the next mark put on another lease than this one.
func (s *Store) dropMarksLease(lease clientv3.LeaseID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.marksLease.lease == lease {
		s.marksLease.lease = 0
	}
}

// trim drops the oldest marks of a key that say no more than that a create was carried
// out. It is housekeeping: if it fails, a later create does it.
func (s *Store) trim(ctx context.Context, key string) {
	all, err := s.get(ctx, marksOf(key), clientv3.WithPrefix(),
		clientv3.WithSort(clientv3.SortByCreateRevision, clientv3.SortAscend))
	if err != nil {
		return
	}
	var ops []clientv3.Op
	for _, kv := range all.Kvs[:max(len(all.Kvs)-minMarks, 0)] {
		if string(kv.Value) == used {
			ops = append(ops, clientv3.OpDelete(string(kv.Key)))
		}
	}
	for some := range slices.Chunk(ops, int(s.ops.Load())) {
		if _, _, err := s.commit(ctx, nil, some, nil); err != nil {
			s.learnLimit(err)
			return
		}
	}
}

// trimSoon trims in the background, one key at a time, after some creates: which, their
// nonces say. To count the marks each time costs a tenth of a create.
func (s *Store) trimSoon(claim store.Claim) {
	if claim.Nonce[0]%trimEvery != 0 || !s.trimming.CompareAndSwap(false, true) {
		return
	}
	started := s.tasks.start(func(ctx context.Context) {
		defer s.trimming.Store(false)
		s.trim(ctx, claim.Key)
	})
	if !started {
		s.trimming.Store(false)
	}
}

// endNonce ends the term that a create with nonce n began, or sees to it that none can
// begin any more: not even when the mark that the create itself made has been trimmed.
// Unless from is zero, a record that is on another lease stays.
func (s *Store) endNonce(ctx context.Context, key string, n store.Nonce, from clientv3.LeaseID) error {
	for {
		lease, err := s.reserveMark(ctx, 0)
		if err != nil {
			return s.endFull(ctx, key, n, from, err)
		}
		mark := clientv3.OpPut(markOf(key, n), ended, clientv3.WithLease(lease))
		_, answers, err := s.commit(ctx, nil, append(readOps(key), mark), nil)
		switch {
		case isGone(err):
			s.dropMarksLease(lease)
			continue
		case err != nil:
			return s.endFull(ctx, key, n, from, err)
		}
		return s.remove(ctx, store.ByNonce(n), decode(key, answers), from)
	}
}

// endFull is endNonce for servers that take no mark: they still delete. That a create
// of which there is no record yet never comes they cannot be made to say.
func (s *Store) endFull(ctx context.Context, key string, n store.Nonce, from clientv3.LeaseID, err error) error {
	if !isFull(err) {
		return err
	}
	_, answers, late := s.commit(ctx, nil, append(readOps(key), clientv3.OpGet(markOf(key, n))), nil)
	if late != nil {
		return late
	}
	switch f := decode(key, answers); {
	case f.has(store.ByNonce(n)):
		return s.remove(ctx, store.ByNonce(n), f, from)
	case answers[2].first() != nil:
		return nil
	}
	return &unsentError{err}
}
