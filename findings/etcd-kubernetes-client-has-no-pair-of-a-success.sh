#!/usr/bin/env bash
# go.etcd.io/etcd/client/v3/kubernetes and server/v3 v3.7.3, Go 1.26.
#
# Guess: as documented, KV of an OptimisticPut is the pair created or updated, KV of an OptimisticDelete the pair deleted,
#        and Count of a List the number of all keys with the prefix, whatever the limit.
# Seen:  KV is nil after a success, with GetOnFailure and without: only the branch of a failure reads. Count of a page after
#        the first leaves out the keys before it: the range begins at Continue, and etcd counts that range.
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
	"go.etcd.io/etcd/client/v3/kubernetes"
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
	c := must(kubernetes.New(clientv3.Config{Endpoints: []string{endpoint}, Logger: zap.NewNop()})).Kubernetes
	var rev int64
	for _, get := range []bool{false, true} {
		put := must(c.OptimisticPut(ctx, "job/1", []byte("mine"), rev, kubernetes.PutOptions{GetOnFailure: get}))
		fmt.Println("put, succeeded:", put.Succeeded, "KV:", put.KV)
		rev = put.Revision
	}
	failed := must(c.OptimisticPut(ctx, "job/1", nil, rev-1, kubernetes.PutOptions{GetOnFailure: true}))
	fmt.Println("put, succeeded:", failed.Succeeded, "KV:", string(failed.KV.Value))
	del := must(c.OptimisticDelete(ctx, "job/1", rev, kubernetes.DeleteOptions{GetOnFailure: true}))
	fmt.Println("delete, succeeded:", del.Succeeded, "KV:", del.KV)

	for _, key := range []string{"job/1", "job/2", "job/3", "job/4", "job/5"} {
		must(c.OptimisticPut(ctx, key, nil, 0, kubernetes.PutOptions{}))
	}
	opts := kubernetes.ListOptions{Limit: 2}
	for range 3 {
		page := must(c.List(ctx, "job/", opts))
		fmt.Println("page of", len(page.Kvs), "Count:", page.Count)
		opts.Continue = string(page.Kvs[len(page.Kvs)-1].Key) + "\x00"
	}
}
END
GOWORK=off GOFLAGS=-mod=mod go build -o finding . 2>/dev/null
timeout 60 ./finding 2>/dev/null | tee seen
diff seen - <<'END'
put, succeeded: true KV: <nil>
put, succeeded: true KV: <nil>
put, succeeded: false KV: mine
delete, succeeded: true KV: <nil>
page of 2 Count: 5
page of 2 Count: 3
page of 1 Count: 1
END
echo "as found: etcd v3.7.3"
