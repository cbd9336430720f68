package etcdstore

import (
	"context"
	"errors"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/leasehold-go/leasehold/store"
)

// keepAliveStream is a stream for keep-alives. One call uses it at a time.
type keepAliveStream struct {
	pb.Lease_LeaseKeepAliveClient
	cancel context.CancelFunc
}

// sendKeepAlive sends one keep-alive and returns the term of the leader that confirmed it, or an
// earlier one. The client's KeepAliveOnce sends again without a pause while there is no leader,
// and opens and authenticates a stream each time.
func (c *cluster) sendKeepAlive(ctx context.Context, id clientv3.LeaseID) (term uint64, err error) {
	select {
	case l := <-c.idleStream:
		term, err := c.sendOn(ctx, l, id)
		if err == nil || isGone(err) || ctx.Err() != nil {
			return term, err
		}
	default:
	}
	l, err := c.openStream(ctx)
	if err != nil {
		return 0, c.cause(ctx, rpctypes.Error(err))
	}
	return c.sendOn(ctx, l, id)
}

// openStream opens a stream that outlives the call and ends with the store. If ctx ends
// before the stream is open, the stream ends too.
func (c *cluster) openStream(ctx context.Context) (keepAliveStream, error) {
	life, cancel := context.WithCancel(clientv3.WithRequireLeader(c.tasks.life))
	stop := context.AfterFunc(ctx, cancel)
	stream, err := c.leases.LeaseKeepAlive(life)
	stop()
	if err != nil {
		cancel()
		return keepAliveStream{}, err
	}
	return keepAliveStream{stream, cancel}, nil
}

// sendOn sends a keep-alive and waits for the answer. An intact stream is kept for the next
// keep-alive, unless another is kept already.
func (c *cluster) sendOn(ctx context.Context, l keepAliveStream, id clientv3.LeaseID) (term uint64, err error) {
	stop := context.AfterFunc(ctx, l.cancel)
	l.Send(&pb.LeaseKeepAliveRequest{ID: int64(id)}) // Recv returns its error
	answer, err := l.Recv()
	if intact := stop(); !intact || err != nil || !c.storeIdle(l) {
		l.cancel()
	}
	switch {
	case err != nil:
		return 0, c.cause(ctx, rpctypes.Error(err))
	case answer.TTL <= 0 && c.peek(ctx) != nil:
		return 0, errSuperseded // perhaps
	}
	if err := c.checkTerm(answer.Header.RaftTerm); err != nil {
		return 0, err
	}
	if answer.TTL <= 0 {
		return 0, rpctypes.ErrLeaseNotFound
	}
	return answer.Header.RaftTerm, nil
}

// errSuperseded says that a leader's answer without a quorum does not count. A leader that was cut off
// or stopped for a while goes on alone until it hears of its successor. That has prolonged each etcd
// lease when it was elected, by its ttl, and does not know of a keep-alive that the other confirmed;
// the other does not know of etcd leases that were granted since.
var errSuperseded = errors.New("the etcd member that answered may no longer have been the leader")

// checkTerm returns errSuperseded if there is a later leader than that of a term.
func (c *cluster) checkTerm(term uint64) error {
	if !c.superseded(term) {
		return nil
	}
	c.tasks.start(c.tellTerm)
	return errSuperseded
}

// superseded reports whether there is a later leader than that of a term, as told by answers that
// needed a quorum. If a successor was elected before a keep-alive was sent, the answer to any
// request tells that was sent no earlier than the keep-alive, or aMoment before: the successor adds
// an election timeout to the ttl.
func (c *cluster) superseded(term uint64) bool { return term < c.revision.now().term }

// tellTerm makes a write without an effect, from which each member learns the term. One that got a
// snapshot of the data from the leader, as after it was cut off for long, otherwise has an earlier
// term in its answers until somebody writes, and no keep-alive through it would count.
func (c *cluster) tellTerm(ctx context.Context) {
	ctx, cancel := tryContext(ctx)
	defer cancel()
	term := c.revision.now().term
	_, _, err := c.commit(ctx, []clientv3.Cmp{absent(store.Reserved)}, []clientv3.Op{clientv3.OpDelete(store.Reserved)}, nil)
	if err != nil {
		return // the next keep-alive tries again
	}
	c.revision.allTold(term)
	c.peek(ctx) // the answer has an earlier term if the terms have begun again
}

// aMoment is shorter than an election timeout of the servers, and longer than requests that are sent
// at the same time are apart.
const aMoment = 50 * time.Millisecond

// storeIdle keeps a stream for the next keep-alive, and reports whether there was room.
func (c *cluster) storeIdle(l keepAliveStream) bool {
	select {
	case c.idleStream <- l:
		return true
	default:
		return false
	}
}
