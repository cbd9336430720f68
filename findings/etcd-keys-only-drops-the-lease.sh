#!/usr/bin/env bash
# go.etcd.io/etcd/server/v3 and client/v3 v3.7.3, Go 1.26.
#
# Guess: a read WithKeysOnly leaves out the value alone; key, revisions, version and etcd lease
#        of each entry are those of a whole read.
# Seen:  the etcd lease is left out as well: it is 0, as that of a key without one. The
#        revisions are there. If the same read sorts by value, the lease is there too.
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
	ctx := context.Background()
	c := must(clientv3.New(clientv3.Config{Endpoints: []string{endpoint}, Logger: zap.NewNop()}))
	lease := must(c.Grant(ctx, 60)).ID
	must(c.Put(ctx, "key", "value", clientv3.WithLease(lease)))
	for _, read := range []struct {
		name string
		opts []clientv3.OpOption
	}{
		{"whole", nil},
		{"keys only", []clientv3.OpOption{clientv3.WithKeysOnly()}},
		{"keys only, sorted by value", []clientv3.OpOption{clientv3.WithKeysOnly(), clientv3.WithSort(clientv3.SortByValue, clientv3.SortAscend)}},
	} {
		kv := must(c.Get(ctx, "key", read.opts...)).Kvs[0]
		fmt.Printf("%s: value %q, revision %v, lease %v\n", read.name, kv.Value, kv.ModRevision > 0, kv.Lease == int64(lease))
	}
}
END
GOWORK=off GOFLAGS=-mod=mod go run . 2>/dev/null | tee seen
diff seen - <<'END'
whole: value "value", revision true, lease true
keys only: value "", revision true, lease false
keys only, sorted by value: value "", revision true, lease true
END
echo "as found: etcd v3.7.3"
