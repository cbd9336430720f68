#!/usr/bin/env bash
# go.etcd.io/etcd/client/v3/leasing and server/v3 v3.7.3, Go 1.26.
#
# Guess: reads through leasing.NewKV are linearizable, as its documentation says, also of a key that this client
#        has put on an etcd lease: when the etcd lease ends, the key is gone.
# Seen:  a key that the client has in its cache, because it has read that the key is free, stays there with its
#        value after the etcd lease has ended. Reads and comparisons of a transaction find it, so the free key
#        looks taken, for as long as the client lives and nobody else writes the key through a leasing client.
#        The cached key has no etcd lease.
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

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/client/v3/leasing"
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
	cached, closeCached, err := leasing.NewKV(c, "leasing/")
	if err != nil {
		panic(err)
	}
	defer closeCached()
	lease := must(c.Grant(ctx, 60)).ID
	fmt.Println("before:", len(must(cached.Get(ctx, "key")).Kvs))
	must(cached.Put(ctx, "key", "holder", clientv3.WithLease(lease)))
	must(c.Revoke(ctx, lease))
	fmt.Println("the server:", must(c.Get(ctx, "key")).Count)
	for _, kv := range must(cached.Get(ctx, "key")).Kvs {
		fmt.Printf("the leasing client: %s = %s, etcd lease %d\n", kv.Key, kv.Value, kv.Lease)
	}
	free := clientv3.Compare(clientv3.CreateRevision("key"), "=", 0)
	fmt.Println("free for the server:", must(c.Txn(ctx).If(free).Commit()).Succeeded)
	fmt.Println("free for the leasing client:", must(cached.Txn(ctx).If(free).Commit()).Succeeded)
	fmt.Println("create through the leasing client:", must(cached.Txn(ctx).If(free).Then(clientv3.OpPut("key", "next")).Commit()).Succeeded)
}
END
GOWORK=off GOFLAGS=-mod=mod go run . 2>/dev/null | tee seen
diff seen - <<'END'
before: 0
the server: 0
the leasing client: key = holder, etcd lease 0
free for the server: true
free for the leasing client: false
create through the leasing client: false
END
echo "as found: etcd v3.7.3"
