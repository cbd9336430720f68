package etcd_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/status"

	"github.com/leasehold-go/leasehold/e2e/etcdtest"
	"github.com/leasehold-go/leasehold/internal/full"
	"github.com/leasehold-go/leasehold/store"
	etcdstore "github.com/leasehold-go/leasehold/store/etcd"
)

// hangSwitch makes a client's streams hang, as on an etcd member that hangs: after hangs grows
// the streams that were open before receive nothing more and do not end.
type hangSwitch struct{ hangs atomic.Int64 }

func (h *hangSwitch) client(cluster *etcdtest.Cluster) *clientv3.Client {
	return cluster.Client(func(cfg *clientv3.Config) {
		cfg.DialOptions = append(cfg.DialOptions, grpc.WithChainStreamInterceptor(
			func(ctx context.Context, desc *grpc.StreamDesc, cc *grpc.ClientConn, method string, open grpc.Streamer, opts ...grpc.CallOption) (grpc.ClientStream, error) {
				stream, err := open(ctx, desc, cc, method, opts...)
				return hangingStream{stream, h, h.hangs.Load()}, err
			}))
	})
}

type hangingStream struct {
	grpc.ClientStream
	owner *hangSwitch
	open  int64 // hangs when the stream was opened
}

func (l hangingStream) RecvMsg(m any) error {
	if l.owner.hangs.Load() > l.open {
		<-l.Context().Done()
		return status.FromContextError(l.Context().Err()).Err()
	}
	return l.ClientStream.RecvMsg(m)
}

// Other callers wait for the keep-alive of a caller that has no deadline.
func TestACallerWithoutADeadlineDoesNotDelayTheHeartbeatOfOthers(t *testing.T) {
	full.Only(t)
	t.Parallel()
	cluster := etcdtest.Start(t, etcdtest.Settings{})
	d := new(hangSwitch)
	st := open(t, d.client(cluster))
	const ttl = 16 * time.Second
	first, err := st.Create(t.Context(), claim("first", ttl))
	if err != nil {
		t.Fatal(err)
	}
	time.Sleep(ttl / 8) // until the last keep-alive is no longer recent
	d.hangs.Add(1)
	result := make(chan error)
	unbounded, giveUp := context.WithCancel(t.Context())
	defer giveUp()
	go func() { result <- st.Renew(unbounded, []store.Renewal{{Key: "first", Token: first.Token}})[0].Err }()
	time.Sleep(100 * time.Millisecond)
	ctx, cancel := context.WithDeadline(t.Context(), first.Until)
	defer cancel()
	if r := st.Renew(ctx, []store.Renewal{{Key: "first", Token: first.Token}})[0]; r.Err != nil || !r.Until.After(first.Until) {
		t.Errorf("until %v, %v", r.Until, r.Err)
	}
	giveUp() // the other caller was answered before
	if err := <-result; err == nil {
		t.Error("a keep-alive without an answer was confirmed")
	}
}

func TestACallerWithoutADeadlineDoesNotDelayTheCreatesOfOthers(t *testing.T) {
	full.Only(t)
	t.Parallel()
	cluster := etcdtest.Start(t, etcdtest.Settings{})
	p := new(interceptor)
	st := open(t, p.client(cluster))
	if _, err := st.Create(t.Context(), claim("beside", 2*long)); err != nil { // has the etcd lease of marks granted
		t.Fatal(err)
	}
	_, deliver := p.delay("LeaseGrant")
	defer deliver()
	result := make(chan error)
	unbounded, giveUp := context.WithCancel(t.Context())
	defer giveUp()
	go func() {
		_, err := st.Create(unbounded, claim("first", long))
		result <- err
	}()
	time.Sleep(100 * time.Millisecond)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	if _, err := st.Create(ctx, claim("second", long)); err != nil {
		t.Error(err)
	}
	giveUp() // the other caller was answered before
	want(t, "the first create", <-result, store.ErrUnavailable)
}

// A member that hangs does not answer a transaction and keeps its connection. Requests and logs then
// go on through another.
func TestATransactionOfRequestsAndLogsThatHangsIsSentAgain(t *testing.T) {
	full.Only(t)
	t.Parallel()
	const ttl = 3 * time.Second // of a request that nobody answers
	for name, call := range map[string]func(t *testing.T, ctx context.Context, st, other *etcdstore.Store, token store.Token, hang func()) error{
		"the holder reads its requests": func(t *testing.T, ctx context.Context, st, other *etcdstore.Store, token store.Token, hang func()) error {
			result := ask(ctx, other, request("1", long))
			hang()
			readRequests(t, st, token, 1)
			if err := other.Answer(ctx, "key", token, answerTo("1")); err != nil {
				return err
			}
			return (<-result).err
		},
		"a sender puts its request": func(t *testing.T, ctx context.Context, st, other *etcdstore.Store, token store.Token, hang func()) error {
			hang()
			result := ask(ctx, st, request("1", long))
			readRequests(t, other, token, 1)
			if err := other.Answer(ctx, "key", token, answerTo("1")); err != nil {
				return err
			}
			return (<-result).err
		},
		"a sender ends its request": func(t *testing.T, ctx context.Context, st, other *etcdstore.Store, token store.Token, hang func()) error {
			result := ask(ctx, st, request("1", ttl))
			readRequests(t, other, token, 1)
			hang()
			if got := <-result; !errors.Is(got.err, store.ErrExpired) {
				return got.err
			}
			return nil
		},
		"a log is read": func(t *testing.T, ctx context.Context, st, _ *etcdstore.Store, _ store.Token, hang func()) error {
			hang()
			for _, err := range st.ReadLog(ctx, "key", store.LogQuery{}) {
				return err
			}
			return errors.New("the log is empty")
		},
		"a log is followed": func(t *testing.T, ctx context.Context, st, _ *etcdstore.Store, _ store.Token, hang func()) error {
			hang()
			for _, err := range st.FollowLog(ctx, "key", store.LogPosition{}) {
				return err
			}
			return errors.New("the log is empty")
		},
		"an answer is given": func(t *testing.T, ctx context.Context, st, other *etcdstore.Store, token store.Token, hang func()) error {
			result := ask(ctx, other, request("1", long))
			readRequests(t, other, token, 1)
			hang()
			if err := st.Answer(ctx, "key", token, answerTo("1")); err != nil {
				return err
			}
			return (<-result).err
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cluster := etcdtest.Start(t, etcdtest.Settings{})
			p := new(interceptor)
			st, other := open(t, p.client(cluster)), open(t, cluster.Client())
			token := holdKey(t, other)
			if err := other.AppendLog(t.Context(), "key", token, entry(1)); err != nil {
				t.Fatal(err)
			}
			deliver := func() {}
			defer func() { deliver() }()
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			err := call(t, ctx, st, other, token, func() { _, deliver = p.delay("Txn") })
			if err != nil {
				t.Error(err)
			}
		})
	}
}
