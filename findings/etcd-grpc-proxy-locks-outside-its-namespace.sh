#!/usr/bin/env bash
# go.etcd.io/etcd/server/v3 (etcd grpc-proxy) and client/v3 v3.7.3, Go 1.26.
#
# Guess: behind etcd grpc-proxy --namespace every request works within the namespace: applications with proxies of their
#        own share one cluster and never meet. Lock and Campaign of the lock and election services are requests like Put.
# Seen:  they are passed on as they are, and lock outside of every namespace. The applications wait for each other's lock
#        of one name. The key that Lock returns cannot be found through the proxy, so a write that is guarded by it, as
#        documented for it, never succeeds. A mutex of package concurrency, which is made of reads and writes, is within the
#        namespace: through the same proxy both hold the lock at once. Only KV, Watch and Lease are wrapped.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat >go.mod <<'END'
module finding

go 1.26.0

require (
	go.etcd.io/etcd/client/v3 v3.7.3
	go.etcd.io/etcd/server/v3 v3.7.3
)
END
cat >main.go <<'END'
package main

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path"
	"runtime"
	"syscall"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/client/v3/concurrency"
	"go.etcd.io/etcd/server/v3/embed"
	"go.etcd.io/etcd/server/v3/etcdmain"
	"go.etcd.io/etcd/server/v3/etcdserver/api/v3election/v3electionpb"
	"go.etcd.io/etcd/server/v3/etcdserver/api/v3lock/v3lockpb"
	"go.uber.org/zap"
)

// serve starts a server with its sockets in the working directory.
func serve() (endpoint string, stop func()) {
	cfg := embed.NewConfig()
	cfg.Dir, cfg.LogLevel, cfg.LogOutputs = "data", "error", []string{"/dev/null"}
	client, peer := url.URL{Scheme: "unix", Host: "client:1"}, url.URL{Scheme: "unix", Host: "peer:1"}
	cfg.ListenClientUrls, cfg.AdvertiseClientUrls = []url.URL{client}, []url.URL{client}
	cfg.ListenPeerUrls, cfg.AdvertisePeerUrls = []url.URL{peer}, []url.URL{peer}
	cfg.InitialCluster = cfg.InitialClusterFromName(cfg.Name)
	e := must(embed.StartEtcd(cfg))
	<-e.Server.ReadyNotify()
	return client.String(), e.Close
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func connect(endpoint string) *clientv3.Client {
	return must(clientv3.New(clientv3.Config{Endpoints: []string{endpoint}, Logger: zap.NewNop()}))
}

// proxy starts an etcd grpc-proxy, which ends with this process.
func proxy(endpoint, namespace string) *clientv3.Client {
	l := must(net.Listen("tcp", "127.0.0.1:0"))
	addr := l.Addr().String()
	l.Close()
	cmd := exec.Command(os.Args[0], "grpc-proxy", "start", "--endpoints", endpoint, "--listen-addr", addr, "--namespace", namespace)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	must(0, cmd.Start())
	return connect(addr)
}

func main() {
	if len(os.Args) > 1 {
		etcdmain.Main(os.Args)
		return
	}
	runtime.LockOSThread()
	endpoint, stop := serve()
	defer stop()
	direct, one, two := connect(endpoint), proxy(endpoint, "/one/"), proxy(endpoint, "/two/")
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	defer cancel()
	keys := func() {
		for _, kv := range must(direct.Get(ctx, "", clientv3.WithPrefix())).Kvs {
			fmt.Println("  in etcd:", path.Dir(string(kv.Key)))
		}
	}
	lock := func(c *clientv3.Client, wait time.Duration) (key string, err error) {
		lease := must(c.Grant(ctx, 300))
		ctx, cancel := context.WithTimeout(ctx, wait)
		defer cancel()
		resp, err := v3lockpb.NewLockClient(c.ActiveConnection()).Lock(ctx, &v3lockpb.LockRequest{Name: []byte("job"), Lease: int64(lease.ID)})
		return string(resp.GetKey()), err
	}
	key := must(lock(one, 30*time.Second))
	fmt.Println("application one has locked job")
	keys()
	_, err := lock(two, 5*time.Second)
	fmt.Println("application two gets its lock job:", err == nil)
	write := must(one.Txn(ctx).If(clientv3.Compare(clientv3.CreateRevision(key), ">", 0)).Then(clientv3.OpPut("data", "")).Commit())
	fmt.Println("a write of the holder, guarded by the key of its lock, succeeds:", write.Succeeded)
	mutex := concurrency.NewMutex(must(concurrency.NewSession(one)), "job")
	fmt.Println("package concurrency locks the held job beside it:", mutex.Lock(ctx) == nil)
	lease := must(two.Grant(ctx, 300))
	must(v3electionpb.NewElectionClient(two.ActiveConnection()).Campaign(ctx, &v3electionpb.CampaignRequest{Name: []byte("leader"), Lease: int64(lease.ID)}))
	fmt.Println("application two has campaigned for leader")
	keys()
}
END
GOWORK=off GOFLAGS=-mod=mod go build -o finding . 2>/dev/null
timeout 75 ./finding 2>/dev/null | tee seen
diff seen - <<'END'
application one has locked job
  in etcd: job
application two gets its lock job: false
a write of the holder, guarded by the key of its lock, succeeds: false
package concurrency locks the held job beside it: true
application two has campaigned for leader
  in etcd: /one/job
  in etcd: job
  in etcd: leader
END
echo "as found: etcd v3.7.3"
