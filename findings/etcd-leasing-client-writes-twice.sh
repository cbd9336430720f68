#!/usr/bin/env bash
# go.etcd.io/etcd/client/v3/leasing and server/v3 v3.7.3, Go 1.26.
#
# Guess: a Put or Delete through leasing.NewKV of a key that no client has in its cache is one request with the
#        answer of a plain client.
# Seen:  it is carried out twice. A Put makes two revisions and two events of a watch, and its PrevKv is the
#        value that it has just written; a Delete of a key that was there says that it has deleted none. With
#        the key in the client's own cache, after a Get, both are as guessed.
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
	for _, run := range []struct {
		name string
		kv   clientv3.KV
		get  bool
	}{{"plain", c, false}, {"leasing", cached, false}, {"leasing after get", cached, true}} {
		key := run.name
		must(c.Put(ctx, key, "old"))
		if run.get {
			must(run.kv.Get(ctx, key))
		}
		put := must(run.kv.Put(ctx, key, "new", clientv3.WithPrevKV()))
		stored := must(c.Get(ctx, key)).Kvs[0]
		fmt.Printf("%s, put: previous value %q, version %d\n", run.name, put.PrevKv.Value, stored.Version)
		removed := must(run.kv.Delete(ctx, key))
		fmt.Printf("%s, delete: %d deleted\n", run.name, removed.Deleted)
	}
}
END
GOWORK=off GOFLAGS=-mod=mod go run . 2>/dev/null | tee seen
diff seen - <<'END'
plain, put: previous value "old", version 2
plain, delete: 1 deleted
leasing, put: previous value "new", version 3
leasing, delete: 0 deleted
leasing after get, put: previous value "old", version 2
leasing after get, delete: 1 deleted
END
echo "as found: etcd v3.7.3"
