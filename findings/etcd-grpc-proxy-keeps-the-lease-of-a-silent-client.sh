#!/usr/bin/env bash
# go.etcd.io/etcd/server/v3 (etcd grpc-proxy) and client/v3 v3.7.3, Go 1.26.
#
# Guess: an etcd lease ends a TTL after the client's last keepalive, also if the client is behind etcd grpc-proxy: the
#        proxy passes keepalives on, or several as one.
# Seen:  the proxy keeps the etcd lease alive by itself, for another TTL after the last keepalive of a client whose
#        stream is open. A client that is stopped or cut off, and a lock that it holds, are found to be gone after up
#        to 5/3 of the TTL.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat >go.mod <<'END'
module finding

go 1.26.0

require (
	go.etcd.io/etcd/api/v3 v3.7.3
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
	"runtime"
	"syscall"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/server/v3/embed"
	"go.etcd.io/etcd/server/v3/etcdmain"
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

// proxy starts an etcd grpc-proxy, which ends with this process.
func proxy(endpoint string) (addr string, stop func() error) {
	runtime.LockOSThread()
	l := must(net.Listen("tcp", "127.0.0.1:0"))
	addr = l.Addr().String()
	l.Close()
	cmd := exec.Command(os.Args[0], "grpc-proxy", "start", "--endpoints", endpoint, "--listen-addr", addr)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	must(0, cmd.Start())
	return addr, cmd.Process.Kill
}

func main() {
	if len(os.Args) > 1 {
		etcdmain.Main(os.Args)
		return
	}
	endpoint, stop := serve()
	defer stop()
	addr, stopProxy := proxy(endpoint)
	defer stopProxy()
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Second)
	defer cancel()
	client := func(endpoint string) *clientv3.Client {
		return must(clientv3.New(clientv3.Config{Endpoints: []string{endpoint}, Logger: zap.NewNop()}))
	}
	direct := client(endpoint)
	// end returns the time from a keepalive through c to the end of the etcd lease.
	end := func(c *clientv3.Client) time.Duration {
		lease := must(c.Grant(ctx, 6)).ID
		must(c.Put(ctx, "lock", "holder", clientv3.WithLease(lease)))
		keepalives := must(pb.NewLeaseClient(c.ActiveConnection()).LeaseKeepAlive(ctx))
		must(0, keepalives.Send(&pb.LeaseKeepAliveRequest{ID: int64(lease)}))
		fmt.Println("TTL:", must(keepalives.Recv()).TTL)
		start := time.Now()
		<-direct.Watch(ctx, "lock")
		return time.Since(start)
	}
	fmt.Println("ends within 8 s:", end(direct) < 8*time.Second)
	behind := client(addr)
	must(behind.Get(ctx, "ready")) // waits for the proxy
	fmt.Println("behind grpc-proxy, ends within 8 s:", end(behind) < 8*time.Second)
}
END
GOWORK=off GOFLAGS=-mod=mod go build -o finding . 2>/dev/null
timeout 60 ./finding 2>/dev/null | tee seen
diff seen - <<'END'
TTL: 6
ends within 8 s: true
TTL: 6
behind grpc-proxy, ends within 8 s: false
END
echo "as found: etcd v3.7.3"
