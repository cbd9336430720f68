#!/usr/bin/env bash
# go.etcd.io/etcd/server/v3 and client/v3 v3.7.3, Go 1.26.
#
# Guess: a server with --max-txn-ops 16 takes 16 operations in a transaction, those of the
#        transactions within it counted: four inner ones with four puts each are too many
#        (16, and the four themselves), two with four each are not.
# Seen:  it counts the outer operations, and of the inner transactions the longest alone: 12
#        inner ones with four puts each are taken (12 + 4), 13 are refused (13 + 4).
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
	cfg.MaxTxnOps = 16
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
	for _, outer := range []int{4, 12, 13} {
		ops := make([]clientv3.Op, outer)
		for i := range ops {
			var puts []clientv3.Op
			for j := range 4 {
				puts = append(puts, clientv3.OpPut(fmt.Sprintf("%d/%d", i, j), "v"))
			}
			ops[i] = clientv3.OpTxn(nil, puts, nil)
		}
		_, err := c.Txn(ctx).Then(ops...).Commit()
		fmt.Println(outer, "transactions of four puts:", err)
	}
}
END
GOWORK=off GOFLAGS=-mod=mod go run . 2>/dev/null | tee seen
diff seen - <<'END'
4 transactions of four puts: <nil>
12 transactions of four puts: <nil>
13 transactions of four puts: etcdserver: too many operations in txn request
END
echo "as found: etcd v3.7.3"
