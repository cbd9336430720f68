#!/usr/bin/env bash
# go.etcd.io/etcd/server/v3 and client/v3 v3.7.3, Go 1.26.
#
# Guess: a transaction needs the rights to what it does: to the keys that it compares, and to
#        those of the branch that is taken.
# Seen:  the keys of the other branch count as well, also when that branch cannot be taken:
#        the transaction is refused as a whole with "permission denied".
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
	alice := as(endpoint, "alice")

	must(alice.Put(ctx, "a1", "1"))
	always := clientv3.Compare(clientv3.Version("a1"), ">", 0)
	_, err := alice.Txn(ctx).If(always).Then(clientv3.OpGet("a1")).Else(clientv3.OpGet("a2")).Commit()
	fmt.Println("with a2 in the other branch:", err)
	_, err = alice.Txn(ctx).If(always).Then(clientv3.OpGet("a1")).Else(clientv3.OpGet("z1")).Commit()
	fmt.Println("with z1 in the other branch:", err)
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
with a2 in the other branch: <nil>
with z1 in the other branch: etcdserver: permission denied
END
echo "as found: etcd v3.7.3"
