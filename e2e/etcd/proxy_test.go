package etcd_test

import (
	"errors"
	"net"
	"strings"
	"testing"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/server/v3/proxy/grpcproxy"
	"google.golang.org/grpc"

	"github.com/leasehold-go/leasehold/e2e/etcdtest"
	"github.com/leasehold-go/leasehold/internal/full"
	etcdstore "github.com/leasehold-go/leasehold/store/etcd"
)

// proxy returns the address of etcd's grpc-proxy in front of a cluster.
func proxy(t *testing.T, cluster *etcdtest.Cluster) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	client := cluster.Client()
	kv, _ := grpcproxy.NewKvProxy(client)
	watch, watchEnded := grpcproxy.NewWatchProxy(client.Ctx(), quiet(), client)
	lease, leaseEnded := grpcproxy.NewLeaseProxy(client.Ctx(), client)
	s := grpc.NewServer()
	pb.RegisterKVServer(s, kv)
	pb.RegisterWatchServer(s, watch)
	pb.RegisterLeaseServer(s, lease)
	go s.Serve(l)
	t.Cleanup(func() {
		s.Stop()
		client.Close()
		<-watchEnded
		<-leaseEnded
	})
	return l.Addr().String()
}

// The proxy keeps an etcd lease alive by itself, at every third of its ttl, and answers the
// client's keep-alives then.
func TestEtcdsProxyIsRefused(t *testing.T) {
	full.Only(t)
	t.Parallel()
	cluster := etcdtest.Start(t, etcdtest.Settings{})
	addr := proxy(t, cluster)
	_, err := etcdstore.New(t.Context(), cluster.Client(func(cfg *clientv3.Config) { cfg.Endpoints = []string{addr} }))
	refused := new(etcdstore.ServerError)
	if !errors.As(err, &refused) || refused.Server != addr || refused.What != "keep-alive" || !strings.Contains(refused.Rule, "grpc-proxy") {
		t.Errorf("%v", err)
	}
}
