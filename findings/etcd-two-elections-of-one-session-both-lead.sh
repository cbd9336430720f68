#!/usr/bin/env bash
# go.etcd.io/etcd/client/v3/concurrency and server/v3 v3.7.3, Go 1.26.
#
# Guess: of two Elections with one name only one leads at a time, also if they share a session: the second Campaign
#        waits. Multiple sessions can take part, says the documentation, but only one can be the leader.
# Seen:  a candidate is its session. The second Campaign succeeds at once and replaces the first leader's value;
#        the first is not told and can replace it in turn. If either resigns, the other leads no more, and hears
#        of it from its next Proclaim.
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
	"go.etcd.io/etcd/client/v3/concurrency"
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
	session := must(concurrency.NewSession(c))
	first, second := concurrency.NewElection(session, "job"), concurrency.NewElection(session, "job")
	leader := func() string {
		resp, err := first.Leader(ctx)
		if err != nil {
			return err.Error()
		}
		return string(resp.Kvs[0].Value)
	}
	fmt.Println("first campaigns:", first.Campaign(ctx, "first"))
	fmt.Println("second campaigns:", second.Campaign(ctx, "second"))
	fmt.Println("leader:", leader())
	fmt.Println("first proclaims:", first.Proclaim(ctx, "still first"))
	fmt.Println("leader:", leader())
	fmt.Println("second resigns:", second.Resign(ctx))
	fmt.Println("leader:", leader())
	fmt.Println("first proclaims:", first.Proclaim(ctx, "first"))
}
END
GOWORK=off GOFLAGS=-mod=mod go build -o finding . 2>/dev/null
timeout 60 ./finding 2>/dev/null | tee seen
diff seen - <<'END'
first campaigns: <nil>
second campaigns: <nil>
leader: second
first proclaims: <nil>
leader: still first
second resigns: <nil>
leader: election: no leader
first proclaims: election: not leader
END
echo "as found: etcd v3.7.3"
