#!/usr/bin/env bash
# go.etcd.io/etcd/client/v3/concurrency and server/v3 v3.7.3, Go 1.26.
#
# Guess: locks and elections with different names have nothing to do with each other. NewMutex and NewElection
#        put a slash after the name, so that "jobs" does not meet "jobs2".
# Seen:  "jobs" meets "jobs/nightly": the keys of a name are all keys that begin with it and the slash. Whoever
#        holds the lock "jobs/nightly" keeps others from the lock "jobs", but not the other way about, so it is no
#        lock of a tree either. Leader of the election "jobs" names the leader of "jobs/nightly", and Campaign
#        waits for that one to go.
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
	ctx := context.Background()
	c := must(clientv3.New(clientv3.Config{Endpoints: []string{endpoint}, Logger: zap.NewNop()}))
	defer c.Close()
	one, two := must(concurrency.NewSession(c)), must(concurrency.NewSession(c))

	lock := func(s *concurrency.Session, name string) *concurrency.Mutex {
		m := concurrency.NewMutex(s, name)
		fmt.Printf("lock %s: %v\n", name, m.TryLock(ctx))
		return m
	}
	unlock := func(m *concurrency.Mutex) { must(0, m.Unlock(ctx)) }
	nightly := lock(one, "jobs/nightly")
	unlock(lock(two, "jobs2"))
	lock(two, "jobs")
	unlock(nightly)
	jobs := lock(two, "jobs")
	unlock(lock(one, "jobs/nightly"))
	unlock(jobs)

	must(0, concurrency.NewElection(one, "jobs/nightly").Campaign(ctx, "node 1"))
	e := concurrency.NewElection(two, "jobs")
	fmt.Printf("leader of jobs: %s\n", must(e.Leader(ctx)).Kvs[0].Value)
	short, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	fmt.Println("campaign for jobs:", e.Campaign(short, "node 2"))
}
END
GOWORK=off GOFLAGS=-mod=mod timeout 110 go run . 2>/dev/null | tee seen
diff seen - <<'END'
lock jobs/nightly: <nil>
lock jobs2: <nil>
lock jobs: mutex: Locked by another session
lock jobs: <nil>
lock jobs/nightly: <nil>
leader of jobs: node 1
campaign for jobs: context deadline exceeded
END
echo "as found: etcd v3.7.3"
