#!/usr/bin/env bash
# go.etcd.io/etcd/client/v3/concurrency and server/v3 v3.7.3, Go 1.26.
#
# Guess: ResumeElection takes the name that NewElection took, and is the same election from then on.
# Seen:  NewElection puts a "/" behind the name, ResumeElection does not. Leader and Observe of a resumed "job" find
#        the leader of "job-2" if that was elected before. And if it resigns and campaigns again, its key is none
#        of the election's: it leads, and so does the next candidate of NewElection.
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
	session := func() *concurrency.Session {
		return must(concurrency.NewSession(must(clientv3.New(clientv3.Config{Endpoints: []string{endpoint}, Logger: zap.NewNop()}))))
	}
	leader := func(e *concurrency.Election) string { return string(must(e.Leader(ctx)).Kvs[0].Value) }

	other := concurrency.NewElection(session(), "job-2")
	fmt.Println("campaign of job-2:", other.Campaign(ctx, "leader of job-2"))
	mine := session()
	e := concurrency.NewElection(mine, "job")
	fmt.Println("campaign of job:", e.Campaign(ctx, "leader of job"))
	resumed := concurrency.ResumeElection(mine, "job", e.Key(), e.Rev())
	fmt.Println("new:", leader(e))
	fmt.Println("resumed:", leader(resumed))
	fmt.Println("observed:", string((<-resumed.Observe(ctx)).Kvs[0].Value))

	fmt.Println("both resign:", resumed.Resign(ctx), other.Resign(ctx))
	fmt.Println("resumed campaigns again:", resumed.Campaign(ctx, "resumed"))
	next := concurrency.NewElection(session(), "job")
	fmt.Println("the next campaigns:", next.Campaign(ctx, "next"))
	fmt.Println("both proclaim:", resumed.Proclaim(ctx, "resumed"), next.Proclaim(ctx, "next"))
}
END
GOWORK=off GOFLAGS=-mod=mod go build -o finding . 2>/dev/null
timeout 60 ./finding 2>/dev/null | tee seen
diff seen - <<'END'
campaign of job-2: <nil>
campaign of job: <nil>
new: leader of job
resumed: leader of job-2
observed: leader of job-2
both resign: <nil> <nil>
resumed campaigns again: <nil>
the next campaigns: <nil>
both proclaim: <nil> <nil>
END
echo "as found: etcd v3.7.3"
