package etcd_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/client/v3/concurrency"

	"github.com/leasehold-go/leasehold/e2e/etcdtest"
	"github.com/leasehold-go/leasehold/store"
)

const (
	benchTTL = 60 // seconds
	turn     = 20 // pairs of one contender before the next has its turn
)

// BenchmarkAcquireRelease acquires and releases a key, by turns with this library and in
// the ways that etcd's own client offers. Each metric is one contender's microseconds for a
// pair, or the ratio of ours to another's.
func BenchmarkAcquireRelease(b *testing.B) {
	s := start(b, etcdtest.Settings{})
	contenders := []struct {
		name string
		pair func(context.Context) error
	}{
		{"leasehold", s.pair},
		{"raw", s.other.rawPair},
		{"mutex", s.other.mutexPair},
		{"election", s.other.electionPair},
	}
	spent := make([]time.Duration, len(contenders))
	pairs := 0
	for b.Loop() {
		for i, c := range contenders {
			began := time.Now()
			for range turn {
				if err := c.pair(b.Context()); err != nil {
					b.Fatal(c.name, err)
				}
			}
			spent[i] += time.Since(began)
		}
		pairs += turn
	}
	b.ReportMetric(0, "ns/op")
	for i, c := range contenders {
		b.ReportMetric(float64(spent[i].Microseconds())/float64(pairs), c.name+"-µs")
		if i > 0 {
			b.ReportMetric(float64(spent[0])/float64(spent[i]), "ours/"+c.name)
		}
	}
}

func (b *bench) pair(ctx context.Context) error {
	c := claim("ours", benchTTL*time.Second)
	grant, err := b.Create(ctx, c)
	if err != nil {
		return err
	}
	return b.Delete(ctx, c.Key, store.ByToken(grant.Token))
}

// rawPair is the grant of an etcd lease, a put that is guarded by the key's absence, and a
// delete that is guarded by the put. The etcd lease is left to expire.
func (s otherProgram) rawPair(ctx context.Context) error {
	lease, err := s.client.Grant(ctx, benchTTL)
	if err != nil {
		return err
	}
	put, err := s.client.Txn(ctx).
		If(clientv3.Compare(clientv3.CreateRevision("raw"), "=", 0)).
		Then(clientv3.OpPut("raw", "first", clientv3.WithLease(lease.ID))).Commit()
	if err != nil || !put.Succeeded {
		return err
	}
	_, err = s.client.Txn(ctx).
		If(clientv3.Compare(clientv3.CreateRevision("raw"), "=", put.Header.Revision)).
		Then(clientv3.OpDelete("raw")).Commit()
	return err
}

func (s otherProgram) mutexPair(ctx context.Context) error {
	session, err := concurrency.NewSession(s.client, concurrency.WithTTL(benchTTL))
	if err != nil {
		return err
	}
	m := concurrency.NewMutex(session, "mutex")
	if err := m.Lock(ctx); err != nil {
		return err
	}
	if err := m.Unlock(ctx); err != nil {
		return err
	}
	return session.Close()
}

func (s otherProgram) electionPair(ctx context.Context) error {
	session, err := concurrency.NewSession(s.client, concurrency.WithTTL(benchTTL))
	if err != nil {
		return err
	}
	e := concurrency.NewElection(session, "election")
	if err := e.Campaign(ctx, "first"); err != nil {
		return err
	}
	if err := e.Resign(ctx); err != nil {
		return err
	}
	return session.Close()
}

// BenchmarkManyCallers has 64 callers acquire and release a key of their own each, by
// turns with this library, with a mutex of etcd's own client on one session, and with
// bare transactions on one etcd lease. Each metric is one contender's cycles a second,
// or the median of a turn's ratio.
func BenchmarkManyCallers(b *testing.B) {
	const callers, each = 64, 100
	s := start(b, etcdtest.Settings{})
	session, err := concurrency.NewSession(s.other.client, concurrency.WithTTL(benchTTL))
	if err != nil {
		b.Fatal(err)
	}
	contenders := []struct {
		name string
		pair func(ctx context.Context, caller string) error
	}{
		{"leasehold", s.pairOf},
		{"mutex", func(ctx context.Context, caller string) error { return mutexOn(ctx, session, "mutex/"+caller) }},
		{"raw", func(ctx context.Context, caller string) error {
			return s.other.rawOn(ctx, session.Lease(), "raw/"+caller)
		}},
	}
	spent := make([]time.Duration, len(contenders))
	ratios := make([][]float64, len(contenders))
	turns := 0
	for b.Loop() {
		var took [3]time.Duration
		for i, c := range contenders {
			began := time.Now()
			var all sync.WaitGroup
			for n := range callers {
				all.Go(func() {
					for range each {
						if err := c.pair(b.Context(), fmt.Sprint(n)); err != nil {
							b.Error(c.name, err)
							return
						}
					}
				})
			}
			all.Wait()
			took[i] = time.Since(began)
			spent[i] += took[i]
			ratios[i] = append(ratios[i], float64(took[i])/float64(took[0]))
		}
		turns++
	}
	b.ReportMetric(0, "ns/op")
	for i, c := range contenders {
		b.ReportMetric(float64(callers*each*turns)/spent[i].Seconds(), c.name+"-cycles/s")
		if i > 0 {
			slices.Sort(ratios[i])
			b.ReportMetric(ratios[i][len(ratios[i])/2], "times-"+c.name)
		}
	}
}

func (b *bench) pairOf(ctx context.Context, caller string) error {
	c := claim("ours/"+caller, benchTTL*time.Second)
	grant, err := b.Create(ctx, c)
	if err != nil {
		return err
	}
	return b.Delete(ctx, c.Key, store.ByToken(grant.Token))
}

func mutexOn(ctx context.Context, session *concurrency.Session, name string) error {
	m := concurrency.NewMutex(session, name)
	if err := m.Lock(ctx); err != nil {
		return err
	}
	return m.Unlock(ctx)
}

func (s otherProgram) rawOn(ctx context.Context, lease clientv3.LeaseID, key string) error {
	put, err := s.client.Txn(ctx).
		If(clientv3.Compare(clientv3.CreateRevision(key), "=", 0)).
		Then(clientv3.OpPut(key, "first", clientv3.WithLease(lease))).Commit()
	if err != nil || !put.Succeeded {
		return fmt.Errorf("succeeded: %v, %w", err == nil, err)
	}
	_, err = s.client.Txn(ctx).
		If(clientv3.Compare(clientv3.CreateRevision(key), "=", put.Header.Revision)).
		Then(clientv3.OpDelete(key)).Commit()
	return err
}

// BenchmarkList lists 10,000 records, by turns with one read of the keys and values alone.
func BenchmarkList(b *testing.B) {
	s := start(b, etcdtest.Settings{})
	const n = 10_000
	s.createMany("list", n)
	var ours, raw time.Duration
	for b.Loop() {
		began := time.Now()
		if listed := s.count("list"); listed != n {
			b.Fatal(listed, "records")
		}
		ours += time.Since(began)
		began = time.Now()
		if _, err := s.other.client.Get(b.Context(), "list/", clientv3.WithPrefix()); err != nil {
			b.Fatal(err)
		}
		raw += time.Since(began)
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(float64(ours.Microseconds())/float64(b.N)/1000, "leasehold-ms")
	b.ReportMetric(float64(raw.Microseconds())/float64(b.N)/1000, "raw-ms")
	b.ReportMetric(float64(ours)/float64(raw), "ours/raw")
}
