package locks

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/client/v3/concurrency"
	"go.uber.org/zap"
	"google.golang.org/grpc"

	"github.com/leasehold-go/leasehold/lease"
	etcdstore "github.com/leasehold-go/leasehold/store/etcd"
)

// ttlSeconds is TTL as etcd takes it.
const ttlSeconds = int(TTL / time.Second)

// requests counts the calls of a client, and its messages on streams, keep-alives included.
type requests struct{ atomic.Int64 }

func (r *requests) unary(ctx context.Context, method string, req, reply any, cc *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption) error {
	r.Add(1)
	return invoke(ctx, method, req, reply, cc, opts...)
}

func (r *requests) stream(ctx context.Context, desc *grpc.StreamDesc, cc *grpc.ClientConn, method string, open grpc.Streamer, opts ...grpc.CallOption) (grpc.ClientStream, error) {
	s, err := open(ctx, desc, cc, method, opts...)
	return &countedStream{s, r}, err
}

type countedStream struct {
	grpc.ClientStream
	sent *requests
}

func (s *countedStream) SendMsg(m any) error {
	s.sent.Add(1)
	return s.ClientStream.SendMsg(m)
}

// dialEtcd returns a new client, and the count of its requests.
func (b *bench) dialEtcd() (*clientv3.Client, *requests, error) {
	sent := new(requests)
	client, err := clientv3.New(clientv3.Config{
		Endpoints: b.etcd.Endpoints(), DialTimeout: 10 * time.Second, Logger: zap.NewNop(),
		DialOptions: []grpc.DialOption{grpc.WithChainUnaryInterceptor(sent.unary), grpc.WithChainStreamInterceptor(sent.stream)},
	})
	if err == nil {
		b.later(func() { client.Close() })
	}
	return client, sent, err
}

// etcdKeeper returns a keeper on a client of its own.
func (b *bench) etcdKeeper(ctx context.Context) (*lease.Keeper, *requests, error) {
	client, sent, err := b.dialEtcd()
	if err != nil {
		return nil, nil, err
	}
	st, err := etcdstore.New(ctx, client)
	if err != nil {
		return nil, nil, err
	}
	b.later(func() { st.Close() })
	k, err := b.keeper(st, lease.Config{TTL: TTL})
	return k, sent, err
}

// session returns a session on a client.
func (b *bench) session(client *clientv3.Client) (*concurrency.Session, error) {
	s, err := concurrency.NewSession(client, concurrency.WithTTL(ttlSeconds))
	if err == nil {
		b.later(func() { s.Close() })
	}
	return s, err
}

// mutex is concurrency.Mutex on a session.
func mutex(s *concurrency.Session) lock {
	return lock{name: "mutex", acquire: func(ctx context.Context, key string) (release, error) {
		m := concurrency.NewMutex(s, key)
		if err := m.Lock(ctx); err != nil {
			return nil, err
		}
		return m.Unlock, nil
	}}
}

// transactions is a lock by hand on an etcd lease: a put guarded by the key's absence, and
// a delete guarded by the put. Its waiter watches the key from the revision that refused
// it.
func transactions(name string, client *clientv3.Client, id clientv3.LeaseID) lock {
	return lock{name: name, acquire: func(ctx context.Context, key string) (release, error) {
		for {
			put, err := client.Txn(ctx).
				If(clientv3.Compare(clientv3.CreateRevision(key), "=", 0)).
				Then(clientv3.OpPut(key, string(value), clientv3.WithLease(id))).Commit()
			if err != nil {
				return nil, err
			}
			if put.Succeeded {
				return func(ctx context.Context) error {
					_, err := client.Txn(ctx).
						If(clientv3.Compare(clientv3.CreateRevision(key), "=", put.Header.Revision)).
						Then(clientv3.OpDelete(key)).Commit()
					return err
				}, nil
			}
			if err := awaitDelete(ctx, client, key, put.Header.Revision+1); err != nil {
				return nil, err
			}
		}
	}}
}

func awaitDelete(ctx context.Context, client *clientv3.Client, key string, from int64) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	for answer := range client.Watch(ctx, key, clientv3.WithRev(from), clientv3.WithFilterPut()) {
		if err := answer.Err(); err != nil || len(answer.Events) > 0 {
			return err
		}
	}
	return errors.Join(errors.New("the watch ended"), ctx.Err())
}

// etcdCrowd is many callers, each with its own key.
func etcdCrowd(ctx context.Context, b *bench) error {
	k, _, err := b.etcdKeeper(ctx)
	if err != nil {
		return err
	}
	other, _, err := b.etcdKeeper(ctx)
	if err != nil {
		return err
	}
	client, _, err := b.dialEtcd()
	if err != nil {
		return err
	}
	shared, err := b.session(client)
	if err != nil {
		return err
	}
	bare, err := b.bareLock(ctx, "raw")
	if err != nil {
		return err
	}
	return b.cycles(ctx, []lock{held(k), stored(other.Store()), mutex(shared), bare}, b.Callers, unknownCPU)
}

// bareLock is transactions on a client and a lease of its own, which outlives the case.
func (b *bench) bareLock(ctx context.Context, name string) (lock, error) {
	client, _, err := b.dialEtcd()
	if err != nil {
		return lock{}, err
	}
	shared, err := client.Grant(ctx, 3600)
	if err != nil {
		return lock{}, err
	}
	return transactions(name, client, shared.ID), nil
}

// etcdHandover is handover on etcd: one waiter, on another client than the holder.
func etcdHandover(ctx context.Context, b *bench) error {
	pairs := make([]pair, 3)
	for side := range 2 {
		k, _, err := b.etcdKeeper(ctx)
		if err != nil {
			return err
		}
		client, _, err := b.dialEtcd()
		if err != nil {
			return err
		}
		own, err := b.session(client)
		if err != nil {
			return err
		}
		bare, err := b.bareLock(ctx, "by-hand")
		if err != nil {
			return err
		}
		for i, l := range []lock{held(k, lease.WithWait()), mutex(own), bare} {
			pairs[i][side] = l
		}
	}
	return b.handovers(ctx, pairs, max(2, b.Handovers/20), etcdSettle)
}

// queueHandovers is how often the key changes hands in one turn of etcdQueue.
const queueHandovers = 20

// queuePause is how long each holder of etcdQueue holds the key, so that the requests of
// the waiters that lost count too.
const queuePause = 50 * time.Millisecond

// etcdQueue is many waiters of one key in one process, on one client: requests and time of
// a handover from one of them to the next.
func etcdQueue(ctx context.Context, b *bench) error {
	k, kept, err := b.etcdKeeper(ctx)
	if err != nil {
		return err
	}
	client, sent, err := b.dialEtcd()
	if err != nil {
		return err
	}
	sessions := make([]lock, b.Waiters+1)
	for i := range sessions {
		s, err := b.session(client)
		if err != nil {
			return err
		}
		sessions[i] = mutex(s)
	}
	contenders := []queue{
		{func(int) lock { return held(k, lease.WithWait()) }, kept, nil},
		{func(i int) lock { return sessions[i] }, sent, nil},
	}
	err = b.rounds(ctx, min(b.Rounds, 5), len(contenders), func(i int) error {
		lasted, cost, err := contenders[i].turn(ctx, b.Waiters)
		if err != nil {
			return fmt.Errorf("%s: %w", contenders[i].lock(0).name, err)
		}
		contenders[i].all = append(contenders[i].all, lasted...)
		return b.report(contenders[i].lock(0).name, "", len(lasted), append(quantiles(lasted), metric{cost, "requests/op"})...)
	})
	if err != nil {
		return err
	}
	for _, c := range contenders {
		if err := b.report(c.lock(0).name, "/pooled", len(c.all), quantiles(c.all)...); err != nil {
			return err
		}
	}
	return nil
}

// queue is one contender of etcdQueue.
type queue struct {
	lock func(i int) lock // of the holder, 0, and of each waiter
	sent *requests
	all  []float64 // handovers of all turns, in milliseconds
}

// turn hands a key from waiter to waiter and returns how long each handover took, in
// milliseconds, and the requests of one.
func (q queue) turn(ctx context.Context, waiters int) (lasted []float64, cost float64, err error) {
	const key = "queue"
	release, err := q.lock(0).acquire(ctx, key)
	if err != nil {
		return nil, 0, err
	}
	waiting, stop := context.WithCancel(ctx)
	var wg sync.WaitGroup
	next := make(chan holding) // a holder that nobody asks for gives the key back
	for i := range waiters {
		wg.Go(func() {
			h := q.lock(i+1).take(waiting, key)
			select {
			case next <- h:
			case <-waiting.Done():
				if h.err == nil {
					h.release(ctx)
				}
			}
		})
	}
	defer wg.Wait()
	defer stop()
	time.Sleep(time.Duration(waiters) * settle)
	before := q.sent.Load()
	n := min(queueHandovers, waiters)
	for range n {
		began := time.Now()
		if err := release(ctx); err != nil {
			return nil, 0, err
		}
		h := <-next
		if h.err != nil {
			return nil, 0, h.err
		}
		lasted = append(lasted, milliseconds(h.at.Sub(began)))
		release = h.release
		time.Sleep(queuePause)
	}
	cost = float64(q.sent.Load()-before) / float64(n)
	stop()
	return lasted, cost, release(ctx)
}
