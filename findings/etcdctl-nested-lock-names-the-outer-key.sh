#!/usr/bin/env bash
# go.etcd.io/etcd/etcdctl/v3 and server/v3 v3.7.3, Go 1.26.
#
# Guess: the command of etcdctl lock finds the key and the revision of its own lock, which can serve as a
#        fencing token, in ETCD_LOCK_KEY and ETCD_LOCK_REV.
# Seen:  values of the caller's environment come first. A command under two locks, one etcdctl lock within the
#        other, finds those of the outer lock, and so does a script that a lock's command starts and that takes
#        a lock of its own.
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
	"os/exec"
	"strings"
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
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	lock := func(name string, command ...string) []string {
		return append([]string{"./etcdctl", "--endpoints", endpoint, "lock", name, "--"}, command...)
	}
	for _, args := range [][]string{
		lock("inner", "printenv", "ETCD_LOCK_KEY"),
		lock("outer", lock("inner", "printenv", "ETCD_LOCK_KEY")...),
	} {
		name, _, _ := strings.Cut(string(must(exec.CommandContext(ctx, args[0], args[1:]...).Output())), "/")
		fmt.Println(name)
	}
	c.Close()
}
END
GOWORK=off GOFLAGS=-mod=mod go build -o etcdctl go.etcd.io/etcd/etcdctl/v3 2>/dev/null
GOWORK=off GOFLAGS=-mod=mod go run . 2>/dev/null | tee seen
diff seen - <<'END'
inner
outer
END
echo "as found: etcdctl v3.7.3"
