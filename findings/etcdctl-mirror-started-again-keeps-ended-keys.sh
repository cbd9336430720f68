#!/usr/bin/env bash
# go.etcd.io/etcd/etcdctl/v3 and server/v3 v3.7.3, Go 1.26.
#
# Guess: etcdctl make-mirror brings the destination to the state of the source when it starts, and then follows.
# Seen:  when it starts it only puts the keys that there are. A key that was deleted, or whose etcd lease ended, while no
#        mirror was at work stays at the destination for ever: locks and members that are gone. There they have no
#        etcd lease, so they do not end by themselves if the mirror stops either.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat >go.mod <<'END'
module finding

go 1.26.0

require (
	go.etcd.io/etcd/client/v3 v3.7.3
	go.etcd.io/etcd/etcdctl/v3 v3.7.3
	go.etcd.io/etcd/server/v3 v3.7.3
)
END
cat >main.go <<'END'
package main

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"syscall"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/server/v3/embed"
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

func main() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	clients, endpoints := []*clientv3.Client{}, []string{}
	for _, name := range []string{"source", "destination"} {
		must(0, os.MkdirAll(name, 0o700))
		must(0, os.Chdir(name))
		endpoint, stop := serve()
		defer stop()
		must(0, os.Chdir(".."))
		endpoint = "unix://" + name + "/" + endpoint[len("unix://"):]
		endpoints = append(endpoints, endpoint)
		clients = append(clients, must(clientv3.New(clientv3.Config{Endpoints: []string{endpoint}, Logger: zap.NewNop()})))
	}
	source, destination := clients[0], clients[1]
	mirror := func() (end func()) {
		cmd := exec.CommandContext(ctx, "./etcdctl", "--endpoints", endpoints[0], "make-mirror", endpoints[1])
		cmd.Stderr = os.Stderr
		cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
		must(0, cmd.Start())
		return func() { cmd.Process.Kill(); cmd.Wait() }
	}
	arrives := func(key string) {
		must(source.Put(ctx, key, "x"))
		for must(destination.Get(ctx, key)).Count == 0 && ctx.Err() == nil {
			time.Sleep(50 * time.Millisecond)
		}
	}
	lease := must(source.Grant(ctx, 60)).ID
	must(source.Put(ctx, "lock", "holder", clientv3.WithLease(lease)))
	end := mirror()
	arrives("first")
	fmt.Println("mirrored, with an etcd lease:", must(destination.Get(ctx, "lock")).Kvs[0].Lease != 0)
	end()
	must(source.Revoke(ctx, lease))
	end = mirror()
	arrives("second")
	time.Sleep(time.Second)
	fmt.Println("source has the lock:", must(source.Get(ctx, "lock")).Count == 1)
	fmt.Println("destination has the lock:", must(destination.Get(ctx, "lock")).Count == 1)
	end()
}
END
GOWORK=off GOFLAGS=-mod=mod go build -o etcdctl go.etcd.io/etcd/etcdctl/v3 2>/dev/null
GOWORK=off GOFLAGS=-mod=mod go build -o finding . 2>/dev/null
timeout 60 ./finding 2>/dev/null | tee seen
diff seen - <<'END'
mirrored, with an etcd lease: false
source has the lock: false
destination has the lock: true
END
echo "as found: etcd v3.7.3"
