#!/usr/bin/env bash
# github.com/k3s-io/kine v0.17.5 (server and memory driver), go.etcd.io/etcd/client/v3 v3.7.3, Go 1.26.
#
# Guess: a transaction that compares the revision of a lock and writes another key, a fenced write, is carried out by kine
#        as by etcd, or is refused as all that kine cannot do: a transaction without Else is ("unsupported operations").
# Seen:  it succeeds and writes the value into the lock, and the other key stays as it was. A creation under the condition
#        that a lock is free does not look at the lock, and a fenced deletion compares the revision of the key that it
#        deletes with that of the lock. Kine tells what the API server of Kubernetes wants by the shape of a transaction,
#        and takes for granted that its comparison and its operation are of one key: it does not compare the two names.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat >go.mod <<'END'
module finding

go 1.26.0

require (
	github.com/k3s-io/kine v0.17.5
	go.etcd.io/etcd/client/v3 v3.7.3
	google.golang.org/grpc v1.85.0
)
END
cat >main.go <<'END'
package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"github.com/k3s-io/kine/pkg/drivers"
	"github.com/k3s-io/kine/pkg/drivers/memory"
	"github.com/k3s-io/kine/pkg/server"
	"github.com/sirupsen/logrus"
	etcd "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"
	"google.golang.org/grpc"
)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func main() {
	logrus.SetOutput(io.Discard)
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	_, backend, err := memory.New(ctx, new(sync.WaitGroup), new(drivers.Config))
	if err != nil {
		panic(err)
	}
	if err := backend.Start(ctx); err != nil {
		panic(err)
	}
	listener := must(net.Listen("tcp", "127.0.0.1:0"))
	kine := grpc.NewServer()
	server.New(backend, "http", 5*time.Second, "3.7.3").Register(kine)
	go kine.Serve(listener)
	defer kine.Stop()
	client := must(etcd.New(etcd.Config{Endpoints: []string{listener.Addr().String()}, Logger: zap.NewNop()}))
	get := func(key string) string {
		for _, kv := range must(client.Get(ctx, key)).Kvs {
			return string(kv.Value)
		}
		return "(none)"
	}
	revision := func(key string, r int64) etcd.Cmp { return etcd.Compare(etcd.ModRevision(key), "=", r) }
	show := func(what string, txn etcd.Txn) {
		r, err := txn.Commit()
		if err != nil {
			fmt.Printf("%s: refused\n", what)
			return
		}
		fmt.Printf("%s: Succeeded %v, /lock %s, /data %s\n", what, r.Succeeded, get("/lock"), get("/data"))
	}

	show("write, as /lock is free", client.Txn(ctx).If(revision("/lock", 0)).Then(etcd.OpPut("/data", "first")))
	held := must(client.Put(ctx, "/lock", "me")).Header.Revision
	show("write, as I have /lock, without Else", client.Txn(ctx).If(revision("/lock", held)).Then(etcd.OpPut("/data", "second")))
	show("write, as I have /lock", client.Txn(ctx).If(revision("/lock", held)).
		Then(etcd.OpPut("/data", "second")).Else(etcd.OpGet("/lock")))
	held = must(client.Put(ctx, "/lock", "me")).Header.Revision
	show("deletion, as I have /lock", client.Txn(ctx).If(revision("/lock", held)).
		Then(etcd.OpDelete("/data")).Else(etcd.OpGet("/lock")))
	r := must(client.Txn(ctx).If(revision("/lock", 0)).Then(etcd.OpPut("/new", "mine")).Commit())
	fmt.Printf("creation, only if /lock is free, and it is not: Succeeded %v, /lock %s, /new %s\n", r.Succeeded, get("/lock"), get("/new"))
}
END
GOWORK=off GOFLAGS=-mod=mod timeout 590 go build -o finding . 2>err || cat err
timeout 60 ./finding 2>/dev/null | tee seen
diff seen - <<'END'
write, as /lock is free: Succeeded true, /lock (none), /data first
write, as I have /lock, without Else: refused
write, as I have /lock: Succeeded true, /lock second, /data first
deletion, as I have /lock: Succeeded false, /lock me, /data first
creation, only if /lock is free, and it is not: Succeeded true, /lock me, /new mine
END
echo "as found: kine v0.17.5"
