#!/usr/bin/env bash
# go.etcd.io/etcd/client/v3/experimental/recipes and server/v3 v3.7.3, Go 1.26.
#
# Guess: Dequeue of the recipes' Queue "mail" takes what was put in the Queue "mail", as that of a PriorityQueue does.
# Seen:  it takes the items of "mail-failed" and "mailbox" too, whichever was put in first. Enqueue puts a "/" behind the
#        name, and Dequeue asks for all keys that begin with the name alone.
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
	recipe "go.etcd.io/etcd/client/v3/experimental/recipes"
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
	c := must(clientv3.New(clientv3.Config{Endpoints: []string{endpoint}, Logger: zap.NewNop()}))
	names := []string{"mail-failed", "mailbox", "mail"}

	for _, name := range names {
		if err := recipe.NewQueue(c, name).Enqueue("of " + name); err != nil {
			panic(err)
		}
	}
	for range names {
		fmt.Println("Queue mail:", must(recipe.NewQueue(c, "mail").Dequeue()))
	}
	for _, name := range names {
		if err := recipe.NewPriorityQueue(c, "p-"+name).Enqueue("of "+name, 1); err != nil {
			panic(err)
		}
	}
	fmt.Println("PriorityQueue mail:", must(recipe.NewPriorityQueue(c, "p-mail").Dequeue()))
	fmt.Println("left of the others:", must(c.Get(ctx, "p-mail", clientv3.WithPrefix())).Count)
}
END
GOWORK=off GOFLAGS=-mod=mod go build -o finding . 2>/dev/null
timeout 60 ./finding 2>/dev/null | tee seen
diff seen - <<'END'
Queue mail: of mail-failed
Queue mail: of mailbox
Queue mail: of mail
PriorityQueue mail: of mail
left of the others: 2
END
echo "as found: etcd v3.7.3"
