package etcd_test

import (
	"context"
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

// deaf is a client's way to a member that hangs: the streams that are open when it is
// struck do not hear any more, nor end.
type deaf struct{ strikes atomic.Int64 }

func (d *deaf) client(cluster *etcdtest.Cluster) *clientv3.Client {
	return cluster.Client(func(cfg *clientv3.Config) {
		cfg.DialOptions = append(cfg.DialOptions, grpc.WithChainStreamInterceptor(
			func(ctx context.Context, desc *grpc.StreamDesc, cc *grpc.ClientConn, method string, open grpc.Streamer, opts ...grpc.CallOption) (grpc.ClientStream, error) {
				stream, err := open(ctx, desc, cc, method, opts...)
				return listening{stream, d, d.strikes.Load()}, err
			}))
	})
}

type listening struct {
	grpc.ClientStream
	deaf *deaf
	open int64 // how often it had been struck
}

func (l listening) RecvMsg(m any) error {
	if l.deaf.strikes.Load() > l.open {
		<-l.Context().Done()
		return status.FromContextError(l.Context().Err()).Err()
	}
	return l.ClientStream.RecvMsg(m)
}

// What one caller waits for others wait for too, and he may have for ever.
func TestACallerWithoutADeadlineDoesNotHoldUpTheHeartbeatOfOthers(t *testing.T) {
	full.Only(t)
	t.Parallel()
	cluster := etcdtest.Start(t, etcdtest.Settings{})
	d := new(deaf)
	st := open(t, d.client(cluster))
	const ttl = 8 * time.Second
	first, err := st.Create(t.Context(), claim("first", ttl))
	if err != nil {
		t.Fatal(err)
	}
	time.Sleep(ttl / 8) // so that the keep-alive is not recent any more
	d.strikes.Add(1)
	patient := make(chan error)
	patience, giveUp := context.WithCancel(t.Context())
	defer giveUp()
	go func() { patient <- st.Renew(patience, []store.Renewal{{Key: "first", Token: first.Token}})[0].Err }()
	time.Sleep(100 * time.Millisecond)
	ctx, cancel := context.WithDeadline(t.Context(), first.Until)
	defer cancel()
	if r := st.Renew(ctx, []store.Renewal{{Key: "first", Token: first.Token}})[0]; r.Err != nil || !r.Until.After(first.Until) {
		t.Errorf("until %v, %v", r.Until, r.Err)
	}
	giveUp() // who has been answered long since
	if err := <-patient; err == nil {
		t.Error("a keep-alive without an answer was confirmed")
	}
}

func TestACallerWithoutADeadlineDoesNotHoldUpTheCreatesOfOthers(t *testing.T) {
	full.Only(t)
	t.Parallel()
	cluster := etcdtest.Start(t, etcdtest.Settings{})
	p := new(post)
	st := open(t, p.client(cluster))
	deliver := p.delay("LeaseGrant")
	defer deliver()
	patient := make(chan error)
	patience, giveUp := context.WithCancel(t.Context())
	defer giveUp()
	go func() {
		_, err := st.Create(patience, claim("first", long))
		patient <- err
	}()
	time.Sleep(100 * time.Millisecond)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	if _, err := st.Create(ctx, claim("second", long)); err != nil {
		t.Error(err)
	}
	giveUp() // who has been answered long since
	want(t, "the first create", <-patient, store.ErrUnavailable)
}
