#!/usr/bin/env bash
# go.etcd.io/etcd/etcdctl/v3 and server/v3 v3.7.3, Go 1.26.
#
# Guess: etcdctl lock NAME COMMAND notices that its etcd lease has ended, as etcdctl lock NAME does, which fails
#        with "session expired": it ends the command, or fails after it.
# Seen:  it does nothing of the kind. The command goes on while the next client has the lock, and afterwards
#        etcdctl exits with 0, as if the lock had been held all the time.
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
	endpoint, stop := serve()
	defer stop()
	ctx := context.Background()
	c := must(clientv3.New(clientv3.Config{Endpoints: []string{endpoint}, Logger: zap.NewNop()}))
	etcdctl := func(ctx context.Context, args ...string) *exec.Cmd {
		return exec.CommandContext(ctx, "./etcdctl", append([]string{"--endpoints", endpoint, "lock"}, args...)...)
	}
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()

	alone := etcdctl(ctx, "alone")
	must(0, alone.Start())
	end(ctx, c)
	fmt.Println("without a command:", alone.Wait())

	first := etcdctl(ctx, "job", "--", "cat", "pipe")
	must(0, syscall.Mkfifo("pipe", 0o600))
	must(0, first.Start())
	end(ctx, c)
	second := must(etcdctl(ctx, "job", "--", "echo", "the second has the lock").CombinedOutput())
	fmt.Printf("%s", second)
	pipe := must(os.OpenFile("pipe", os.O_WRONLY, 0)) // waits for the first command to read
	must(0, pipe.Close())
	fmt.Println("with a command:", first.Wait())
}

// end waits for an etcd lease that has a key, and ends it.
func end(ctx context.Context, c *clientv3.Client) {
	for ctx.Err() == nil {
		for _, kv := range must(c.Get(ctx, "", clientv3.WithPrefix())).Kvs {
			must(c.Revoke(ctx, clientv3.LeaseID(kv.Lease)))
			return
		}
	}
	panic(ctx.Err())
}
END
GOWORK=off GOFLAGS=-mod=mod go build -o etcdctl go.etcd.io/etcd/etcdctl/v3 2>/dev/null
GOWORK=off GOFLAGS=-mod=mod go run . 2>/dev/null | tee seen
diff seen - <<'END'
without a command: exit status 1
the second has the lock
with a command: <nil>
END
echo "as found: etcdctl v3.7.3"
