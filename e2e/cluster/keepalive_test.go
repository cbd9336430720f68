package cluster_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/status"

	"github.com/leasehold-go/leasehold/e2e/etcdtest"
	"github.com/leasehold-go/leasehold/internal/full"
	"github.com/leasehold-go/leasehold/store"
)

// keepAlives are the streams of keep-alives of a client. While they hang, the open ones receive
// nothing; opens is told of each that is opened meanwhile.
type keepAlives struct {
	hang  atomic.Bool
	opens chan struct{}
}

func (k *keepAlives) of(cfg *clientv3.Config) {
	cfg.DialOptions = append(cfg.DialOptions, grpc.WithChainStreamInterceptor(
		func(ctx context.Context, desc *grpc.StreamDesc, cc *grpc.ClientConn, method string, open grpc.Streamer, opts ...grpc.CallOption) (grpc.ClientStream, error) {
			stream, err := open(ctx, desc, cc, method, opts...)
			if method != "/etcdserverpb.Lease/LeaseKeepAlive" {
				return stream, err
			}
			if k.hang.Load() {
				k.opens <- struct{}{}
			}
			return keepAliveStream{stream, k, k.hang.Load()}, err
		}))
}

type keepAliveStream struct {
	grpc.ClientStream
	owner *keepAlives
	later bool // it was opened while the others hang
}

func (s keepAliveStream) RecvMsg(m any) error {
	if s.owner.hang.Load() && !s.later {
		<-s.Context().Done()
		return status.FromContextError(s.Context().Err()).Err()
	}
	return s.ClientStream.RecvMsg(m)
}

// A renew whose check is long over when its keep-alive is sent, because that of another caller got no
// answer, does not count the keep-alive of a leader that was stopped meanwhile.
func TestAKeepAliveLongAfterTheCheckDoesNotCountAlone(t *testing.T) {
	full.Only(t)
	t.Parallel()
	s := setScene(t)
	const ttl = 16 * time.Second
	for round := range 4 { // in some of them the leader hears of its successor first
		old := s.Leader()
		k := &keepAlives{opens: make(chan struct{}, 8)}
		st := s.open(of(old.Endpoint()), k.of)
		held := claim(store.NewNonce().String(), ttl)
		grant := s.create(st, held)
		time.Sleep(ttl / 8) // until the last keep-alive is no longer recent
		k.hang.Store(true)
		renew := func() store.RenewResult {
			return st.Renew(t.Context(), []store.Renewal{{Key: held.Key, Token: grant.Token}})[0]
		}
		results := make(chan store.RenewResult, 2)
		for range 2 {
			go func() { results <- renew() }()
		}
		time.Sleep(200 * time.Millisecond) // both are checked
		old.Pause()
		client := s.Client(of(s.Leader().Endpoint()))
		<-k.opens
		time.Sleep(20 * time.Millisecond) // the keep-alive is on its way
		k.hang.Store(false)
		old.Resume()
		for range 2 {
			r := <-results
			if r.Err != nil {
				continue
			}
			got, err := client.Get(t.Context(), held.Key)
			if err != nil || got.Count == 0 {
				t.Fatal(got, err)
			}
			left, err := client.TimeToLive(t.Context(), clientv3.LeaseID(got.Kvs[0].Lease))
			if err != nil {
				t.Fatal(err)
			}
			if end := time.Now().Add(time.Duration(left.TTL+1) * time.Second); end.Before(r.Until) {
				t.Errorf("round %d: the record ends %v before the end that its holder was told", round, r.Until.Sub(end))
			}
		}
	}
}

// A member that the leader has sent a snapshot, because it was cut off for long, has an earlier
// leader's term in its answers until somebody writes.
func TestKeepAlivesCountThroughAMemberThatGotASnapshot(t *testing.T) {
	full.Only(t)
	t.Parallel()
	s := &scene{t, etcdtest.Start(t, etcdtest.Settings{Members: members, CatchUp: 100})}
	first := s.Leader()
	var others []etcdtest.Member
	for i := range members {
		if m := s.Member(i); m.Endpoint() != first.Endpoint() {
			others = append(others, m)
		}
	}
	behind, second := others[0], others[1]
	type holder struct {
		store.Store
		renewals []store.Renewal
	}
	var holders []holder
	for i := range 16 { // each sends its keep-alives through one of two members
		st := s.open(of(behind.Endpoint(), second.Endpoint()))
		held := claim(fmt.Sprint("job", i), 2*long)
		holders = append(holders, holder{st, []store.Renewal{{Key: held.Key, Token: s.create(st, held).Token}}})
	}
	ids := make(map[string]uint64) // by endpoint
	ahead, direct := s.Client(of(second.Endpoint())), s.Client(of(behind.Endpoint()))
	for _, m := range []etcdtest.Member{first, second} {
		status, err := ahead.Status(t.Context(), m.Endpoint())
		if err != nil {
			t.Fatal(err)
		}
		ids[m.Endpoint()] = status.Header.MemberId
	}
	term := func(client *clientv3.Client) (term uint64) {
		s.eventually("a member answers", func() bool {
			got, err := client.Get(t.Context(), "other")
			if err == nil {
				term = got.Header.RaftTerm
			}
			return err == nil
		})
		return term
	}
	s.eventually("a member has the term of the leader before", func() bool { // unless there is a write meanwhile
		behind.CutOff()
		leader, next := s.Leader(), first
		if leader.Endpoint() == first.Endpoint() {
			next = second
		}
		_, err := s.Client(of(leader.Endpoint())).MoveLeader(t.Context(), ids[next.Endpoint()])
		for i := 0; i < 500 && err == nil; i++ { // more than the leader keeps for members that are behind
			_, err = ahead.Put(t.Context(), "other", "value")
		}
		behind.Rejoin()
		return err == nil && term(direct) < term(ahead)
	})
	s.eventually("renewals have told the member the term", func() bool {
		for _, h := range holders {
			if r := h.Renew(t.Context(), h.renewals)[0]; errors.Is(r.Err, store.ErrLost) {
				t.Fatal(r.Err)
			}
		}
		return term(direct) == term(ahead)
	})
	for _, h := range holders {
		s.eventually("the lease is renewed", func() bool { return h.Renew(t.Context(), h.renewals)[0].Err == nil })
	}
}
