#!/usr/bin/env bash
# go.etcd.io/etcd/client/v3/concurrency and server/v3 v3.7.3, Go 1.26. Open in etcd's tracker as of this version.
#
# Guess: a Campaign whose session ends while it waits fails, at the latest when its turn would have come, as Lock of
#        a Mutex does then with "session is expired".
# Seen:  it goes on waiting, and returns without an error when those before it are gone. By then another can lead:
#        it has the only key, and Leader names it. Only a Proclaim tells the first that it does not lead.
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
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	c := must(clientv3.New(clientv3.Config{Endpoints: []string{endpoint}, Logger: zap.NewNop()}))
	session := func() *concurrency.Session { return must(concurrency.NewSession(c)) }
	candidates := func(n int64) {
		for must(c.Get(ctx, "job/", clientv3.WithPrefix())).Count != n {
			time.Sleep(50 * time.Millisecond)
		}
	}
	old := concurrency.NewElection(session(), "job")
	fmt.Println("campaign of the old leader:", old.Campaign(ctx, "old"))

	lost := session()
	e, waited := concurrency.NewElection(lost, "job"), make(chan error, 1)
	go func() { waited <- e.Campaign(ctx, "without a session") }()
	candidates(2)
	must(c.Revoke(ctx, lost.Lease()))
	<-lost.Done()
	candidates(1)

	next, leads := concurrency.NewElection(session(), "job"), make(chan error, 1)
	go func() { leads <- next.Campaign(ctx, "next") }()
	candidates(2)
	fmt.Println("the old leader resigns:", old.Resign(ctx))
	fmt.Println("campaign of the next:", <-leads)
	fmt.Println("campaign without a session:", <-waited)
	fmt.Println("leader:", string(must(e.Leader(ctx)).Kvs[0].Value))
	fmt.Println("proclaim without a session:", e.Proclaim(ctx, "without a session"))
}
END
GOWORK=off GOFLAGS=-mod=mod go build -o finding . 2>/dev/null
timeout 60 ./finding 2>/dev/null | tee seen
diff seen - <<'END'
campaign of the old leader: <nil>
the old leader resigns: <nil>
campaign of the next: <nil>
campaign without a session: <nil>
leader: next
proclaim without a session: election: not leader
END
echo "as found: etcd v3.7.3"
