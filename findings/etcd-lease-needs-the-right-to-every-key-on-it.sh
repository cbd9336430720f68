#!/usr/bin/env bash
# go.etcd.io/etcd/server/v3 and client/v3 v3.7.3, Go 1.26.
#
# Guess: rights guard keys. Who granted an etcd lease can keep it alive, put another of the
#        own keys on it and revoke it, whatever else is on it.
# Seen:  once another user has put a key of theirs on the lease, all three are refused with
#        "permission denied". The own keys on it can still be written and deleted, and end
#        with the lease.
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
	c := as(endpoint, "")
	user(c, "root", "", "")
	must(c.UserGrantRole(ctx, "root", "root"))
	user(c, "alice", "a", "b")
	must(c.AuthEnable(ctx))
	root, alice := as(endpoint, "root"), as(endpoint, "alice")

	lease := must(alice.Grant(ctx, 60)).ID
	must(alice.Put(ctx, "a1", "1", clientv3.WithLease(lease)))
	_, err := alice.KeepAliveOnce(ctx, lease)
	fmt.Println("keep-alive:", err)
	must(root.Put(ctx, "z1", "1", clientv3.WithLease(lease)))
	_, err = alice.KeepAliveOnce(ctx, lease)
	fmt.Println("keep-alive beside z1:", err)
	_, err = alice.Put(ctx, "a2", "1", clientv3.WithLease(lease))
	fmt.Println("put of a2:", err)
	_, err = alice.Revoke(ctx, lease)
	fmt.Println("revoke:", err)
	_, err = alice.Put(ctx, "a1", "2", clientv3.WithIgnoreLease())
	fmt.Println("put of a1:", err)
}

// user makes a user who may read and write the keys of a range.
func user(c *clientv3.Client, name, from, end string) {
	must(c.UserAdd(ctx, name, "secret"))
	must(c.RoleAdd(ctx, name))
	if from != "" {
		must(c.RoleGrantPermission(ctx, name, from, end, clientv3.PermissionType(clientv3.PermReadWrite)))
	}
	must(c.UserGrantRole(ctx, name, name))
}

func as(endpoint, name string) *clientv3.Client {
	cfg := clientv3.Config{Endpoints: []string{endpoint}, Logger: zap.NewNop()}
	if name != "" {
		cfg.Username, cfg.Password = name, "secret"
	}
	return must(clientv3.New(cfg))
}

var ctx = context.Background()
END
GOWORK=off GOFLAGS=-mod=mod go run . 2>/dev/null | tee seen
diff seen - <<'END'
keep-alive: <nil>
keep-alive beside z1: etcdserver: permission denied
put of a2: etcdserver: permission denied
revoke: etcdserver: permission denied
put of a1: <nil>
END
echo "as found: etcd v3.7.3"
