#!/usr/bin/env bash
# go.etcd.io/etcd/server/v3 (etcd grpc-proxy) and client/v3 v3.7.3, Go 1.26.
#
# Guess: RequestProgress through etcd grpc-proxy is answered as by the server, with the revision that the watch has come
#        to; if the proxy has no such thing, the call fails.
# Seen:  the call succeeds and no answer ever comes. The proxy drops the request, with a line in its log. A cache that
#        asks how far it is before it answers waits for ever, though events arrive.
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
	for _, via := range []struct{ name, endpoint string }{{"server", endpoint}, {"grpc-proxy", addr}} {
		c := must(clientv3.New(clientv3.Config{Endpoints: []string{via.endpoint}, Logger: zap.NewNop()}))
		watch := c.Watch(ctx, "key", clientv3.WithCreatedNotify())
		<-watch
		must(c.Put(ctx, "key", "value"))
		fmt.Printf("%s: events %d", via.name, len((<-watch).Events))
		fmt.Printf(", request for progress: %v", c.RequestProgress(ctx))
		select {
		case resp := <-watch:
			fmt.Println(", answer:", resp.IsProgressNotify())
		case <-time.After(5 * time.Second):
			fmt.Println(", no answer in 5 s")
		}
	}
}
END
GOWORK=off GOFLAGS=-mod=mod go build -o finding . 2>/dev/null
timeout 60 ./finding 2>/dev/null | tee seen
diff seen - <<'END'
server: events 1, request for progress: <nil>, answer: true
grpc-proxy: events 1, request for progress: <nil>, no answer in 5 s
END
echo "as found: etcd v3.7.3"
