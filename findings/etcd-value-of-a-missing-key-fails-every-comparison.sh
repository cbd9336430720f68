#!/usr/bin/env bash
# go.etcd.io/etcd/server/v3 and client/v3 v3.7.3, Go 1.26.
#
# Guess: a transaction's comparison Value(key) != "me" is true if the key is missing, as Version, CreateRevision,
#        ModRevision and LeaseValue of a missing key compare as 0; at least one of "=" and "!=" is true. And a
#        comparison WithPrefix is true if there is no key with the prefix, as it asks for all of them.
# Seen:  a comparison of the value of a missing key is false with every operator. "Unless the lock is mine, note
#        that it is lost" notes nothing once the key has expired. WithPrefix, no key counts as one with zeros and
#        without a value: the same comparisons are false.
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
	for _, op := range []string{"=", "!=", "<", ">"} {
		for _, target := range []struct {
			name string
			cmp  clientv3.Cmp
		}{
			{"value", clientv3.Compare(clientv3.Value("lock"), op, "me")},
			{"version", clientv3.Compare(clientv3.Version("lock"), op, 1)},
			{"etcd lease", clientv3.Compare(clientv3.LeaseValue("lock"), op, 1)},
		} {
			one := must(c.Txn(ctx).If(target.cmp).Commit()).Succeeded
			all := must(c.Txn(ctx).If(target.cmp.WithPrefix()).Commit()).Succeeded
			fmt.Printf("%s %s: %v, with prefix %v\n", target.name, op, one, all)
		}
	}
}
END
GOWORK=off GOFLAGS=-mod=mod go build -o finding . 2>/dev/null
timeout 60 ./finding 2>/dev/null | tee seen
diff seen - <<'END'
value =: false, with prefix false
version =: false, with prefix false
etcd lease =: false, with prefix false
value !=: false, with prefix false
version !=: true, with prefix true
etcd lease !=: true, with prefix true
value <: false, with prefix false
version <: true, with prefix true
etcd lease <: true, with prefix true
value >: false, with prefix false
version >: false, with prefix false
etcd lease >: false, with prefix false
END
echo "as found: etcd v3.7.3"
