#!/usr/bin/env bash
# go.etcd.io/etcd/server/v3 (v3lock and v3election) and client/v3 v3.7.3, Go 1.26.
#
# Guess: Lock of etcd's lock service, also to be had as /v3/lock/lock, holds a lock without a lease (0) until Unlock,
#        as a key that is put with lease 0 stays until it is deleted. And Unlock fails if the lock is not held any more.
# Seen:  with lease 0 the server grants an etcd lease of 60 s, which nobody keeps alive and the answer does not name:
#        a minute later the next caller has the lock. Unlock succeeds all the same, and so does Resign of the
#        election service for a leader that has lost.
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
	"go.etcd.io/etcd/server/v3/embed"
	"go.etcd.io/etcd/server/v3/etcdserver/api/v3election/v3electionpb"
	"go.etcd.io/etcd/server/v3/etcdserver/api/v3lock/v3lockpb"
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
	ctx, cancel := context.WithTimeout(context.Background(), 90*time.Second)
	defer cancel()
	c := must(clientv3.New(clientv3.Config{Endpoints: []string{endpoint}, Logger: zap.NewNop()}))
	lock, election := v3lockpb.NewLockClient(c.ActiveConnection()), v3electionpb.NewElectionClient(c.ActiveConnection())
	first := must(lock.Lock(ctx, &v3lockpb.LockRequest{Name: []byte("job")}))
	leader := must(election.Campaign(ctx, &v3electionpb.CampaignRequest{Name: []byte("leader"), Value: []byte("me")})).Leader
	start := time.Now()
	lease := must(c.Grant(ctx, 300)).ID
	must(lock.Lock(ctx, &v3lockpb.LockRequest{Name: []byte("job"), Lease: int64(lease)}))
	fmt.Println("the next has the lock after a minute:", time.Since(start).Round(10*time.Second))
	_, err := lock.Unlock(ctx, &v3lockpb.UnlockRequest{Key: first.Key})
	fmt.Println("unlock by the first:", err)
	for must(c.Get(ctx, string(leader.Key))).Count > 0 {
		time.Sleep(100 * time.Millisecond)
	}
	_, err = election.Resign(ctx, &v3electionpb.ResignRequest{Leader: leader})
	fmt.Println("resign of the lost leader:", err)
}
END
GOWORK=off GOFLAGS=-mod=mod go build -o finding . 2>/dev/null
timeout 100 ./finding 2>/dev/null | tee seen
diff seen - <<'END'
the next has the lock after a minute: 1m0s
unlock by the first: <nil>
resign of the lost leader: <nil>
END
echo "as found: etcd v3.7.3"
