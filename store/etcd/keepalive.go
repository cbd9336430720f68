package etcdstore

import (
	"context"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
)

// line is a stream for keep-alives. Whoever has it asks and waits for the answer.
type keepAliveStream struct {
	pb.Lease_LeaseKeepAliveClient
	cancel context.CancelFunc
}

// sendKeepAlive sends one keep-alive and returns the ttl that it restarts. The client's own
// function for that sends again without a pause while there is no leader, and opens a
// stream each time, for which it authenticates.
func (s *Store) sendKeepAlive(ctx context.Context, id clientv3.LeaseID) (time.Duration, error) {
	select {
	case l := <-s.idleStream:
		ttl, err := s.sendOn(ctx, l, id)
		if err == nil || isGone(err) || ctx.Err() != nil {
			return ttl, err
		}
	default:
	}
	l, err := s.openStream(ctx)
	if err != nil {
		return 0, cause(ctx, rpctypes.Error(err))
	}
	return s.sendOn(ctx, l, id)
}

// dial opens a line. It outlives the call, unless that ends before the line is open, and
// ends with the store.
func (s *Store) openStream(ctx context.Context) (keepAliveStream, error) {
	life, cancel := context.WithCancel(clientv3.WithRequireLeader(s.tasks.life))
	stop := context.AfterFunc(ctx, cancel)
	stream, err := s.leases.LeaseKeepAlive(life)
	stop()
	if err != nil {
		cancel()
		return keepAliveStream{}, err
	}
	return keepAliveStream{stream, cancel}, nil
}

// ask sends a keep-alive and waits for the answer. The line is kept for the next one if
// it is in order and there is no other.
func (s *Store) sendOn(ctx context.Context, l keepAliveStream, id clientv3.LeaseID) (time.Duration, error) {
	stop := context.AfterFunc(ctx, l.cancel)
	l.Send(&pb.LeaseKeepAliveRequest{ID: int64(id)}) // Recv has its error
	answer, err := l.Recv()
	if intact := stop(); !intact || err != nil || !s.storeIdle(l) {
		l.cancel()
	}
	switch {
	case err != nil:
		return 0, cause(ctx, rpctypes.Error(err))
	case answer.TTL <= 0:
		return 0, rpctypes.ErrLeaseNotFound
	}
	return seconds(answer.TTL), nil
}

func (s *Store) storeIdle(l keepAliveStream) bool {
	select {
	case s.idleStream <- l:
		return true
	default:
		return false
	}
}
