#!/usr/bin/env bash
# go.etcd.io/etcd/server/v3 (etcd grpc-proxy) and client/v3 v3.7.3, Go 1.26.
#
# Guess: a read WithSerializable through etcd grpc-proxy is behind by as much as the server that answers, a moment; and
#        a client finds what it has done itself through the same proxy. The documentation says that the proxy caches
#        responses when that does not break consistency.
# Seen:  the proxy answers such reads from a cache without a time limit. Only a put or delete through this proxy that
#        names the key, or a plain read, renews an answer. A key whose etcd lease has ended, also by a Revoke through
#        the same proxy, is found for ever; and a put in a transaction within a transaction is not seen.
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
	"runtime"
	"syscall"
	"time"

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
	c := must(clientv3.New(clientv3.Config{Endpoints: []string{addr}, Logger: zap.NewNop()}))
	read := func(opts ...clientv3.OpOption) string {
		resp := must(c.Get(ctx, "lock", opts...))
		if resp.Count == 0 {
			return "none"
		}
		return string(resp.Kvs[0].Value)
	}
	both := func(name string) {
		time.Sleep(2 * time.Second)
		fmt.Printf("%s: serializable %s", name, read(clientv3.WithSerializable()))
		fmt.Printf(", plain %s, serializable %s\n", read(), read(clientv3.WithSerializable()))
	}
	lease := must(c.Grant(ctx, 60)).ID
	must(c.Put(ctx, "lock", "holder", clientv3.WithLease(lease)))
	both("put")
	must(c.Revoke(ctx, lease))
	both("revoke")
	put := clientv3.OpPut("lock", "next")
	must(c.Txn(ctx).Then(clientv3.OpTxn(nil, []clientv3.Op{put}, nil)).Commit())
	both("put in a nested transaction")
	must(c.Delete(ctx, "lock"))
	both("delete")
}
END
GOWORK=off GOFLAGS=-mod=mod go build -o finding . 2>/dev/null
timeout 60 ./finding 2>/dev/null | tee seen
diff seen - <<'END'
put: serializable holder, plain holder, serializable holder
revoke: serializable holder, plain none, serializable none
put in a nested transaction: serializable none, plain next, serializable next
delete: serializable none, plain none, serializable none
END
echo "as found: etcd v3.7.3"
