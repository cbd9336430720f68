#!/usr/bin/env bash
# go.etcd.io/etcd/client/v3/concurrency and server/v3 v3.7.3, Go 1.26.
#
# Guess: Get of an STM takes several keys to read them at once; its value is that of the first, always.
# Seen:  it is the value of the first key as long as the transaction has read or written none of them. If it has, Get
#        returns the value of that one instead, and reads none of the others: a change of theirs does not make the
#        transaction run again.
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
	must(c.Put(ctx, "holder", "me"))
	must(c.Put(ctx, "count", "7"))
	run := func(name string, before func(concurrency.STM)) {
		times := 0
		must(concurrency.NewSTM(c, func(s concurrency.STM) error {
			times++
			before(s)
			value := s.Get("holder", "count")
			if times == 1 {
				must(c.Put(ctx, "holder", "me")) // a change between read and commit
			}
			s.Put("result", value)
			fmt.Printf("%s: Get(holder, count) is %q\n", name, value)
			return nil
		}))
		fmt.Printf("%s: ran %d times\n", name, times)
	}
	run("nothing read before", func(concurrency.STM) {})
	run("count read before", func(s concurrency.STM) { s.Get("count") })
	run("count written before", func(s concurrency.STM) { s.Put("count", "8") })
}
END
GOWORK=off GOFLAGS=-mod=mod go build -o finding . 2>/dev/null
timeout 60 ./finding 2>/dev/null | tee seen
diff seen - <<'END'
nothing read before: Get(holder, count) is "me"
nothing read before: Get(holder, count) is "me"
nothing read before: ran 2 times
count read before: Get(holder, count) is "7"
count read before: ran 1 times
count written before: Get(holder, count) is "8"
count written before: ran 1 times
END
echo "as found: etcd v3.7.3"
