#!/usr/bin/env bash
# go.etcd.io/etcd/client/v3/experimental/recipes and server/v3 v3.7.3, Go 1.26.
#
# Guess: Lock and RLock of the recipes' RWMutex fail if their session has ended while they wait, as Lock of a Mutex does
#        with "session is expired". At the latest they fail when their turn would have come.
# Seen:  they wait on, and return without an error when those before them are gone. By then their key is gone and another
#        writer has the lock. Unlock of the one without a key succeeds too. They have no context, and they do not look at
#        their key again.
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
	"net/url"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/client/v3/concurrency"
	recipe "go.etcd.io/etcd/client/v3/experimental/recipes"
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
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Second)
	defer cancel()
	c := must(clientv3.New(clientv3.Config{Endpoints: []string{endpoint}, Logger: zap.NewNop()}))
	session := func() *concurrency.Session { return must(concurrency.NewSession(c)) }
	keys := func(name string, n int64) {
		for must(c.Get(ctx, name+"/", clientv3.WithPrefix())).Count != n {
			time.Sleep(50 * time.Millisecond)
		}
	}
	start := func(f func() error) chan error {
		ch := make(chan error, 1)
		go func() { ch <- f() }()
		return ch
	}
	for _, reader := range []bool{false, true} {
		name := map[bool]string{false: "writer", true: "reader"}[reader]
		holder := recipe.NewRWMutex(session(), name)
		fmt.Println("holder:", holder.Lock())

		s := session()
		lost := recipe.NewRWMutex(s, name)
		lock := lost.Lock
		if reader {
			lock = lost.RLock
		}
		waits := start(lock)
		keys(name, 2)
		must(c.Revoke(ctx, s.Lease()))
		<-s.Done()
		keys(name, 1)

		next := recipe.NewRWMutex(session(), name)
		nextWaits := start(next.Lock)
		keys(name, 2)
		fmt.Println("  holder unlocks:", holder.Unlock())
		fmt.Println("  next writer locks:", <-nextWaits)
		fmt.Println("  "+name+" without a session locks:", <-waits)
		fmt.Println("  keys:", must(c.Get(ctx, name+"/", clientv3.WithPrefix())).Count)
		fmt.Println("  "+name+" without a session unlocks:", lost.Unlock())
	}
}
END
GOWORK=off GOFLAGS=-mod=mod go build -o finding . 2>/dev/null
timeout 60 ./finding 2>/dev/null | tee seen
diff seen - <<'END'
holder: <nil>
  holder unlocks: <nil>
  next writer locks: <nil>
  writer without a session locks: <nil>
  keys: 1
  writer without a session unlocks: <nil>
holder: <nil>
  holder unlocks: <nil>
  next writer locks: <nil>
  reader without a session locks: <nil>
  keys: 1
  reader without a session unlocks: <nil>
END
echo "as found: etcd v3.7.3"
