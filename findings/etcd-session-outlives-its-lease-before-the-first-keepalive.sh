#!/usr/bin/env bash
# go.etcd.io/etcd/client/v3 (with package concurrency) and server/v3 v3.7.3, Go 1.26.
#
# Guess: Done of a Session is closed about a TTL after the client has last heard from the server, also if that was when
#        the etcd lease was granted: the TTL is known by then.
# Seen:  until the first keepalive is answered, the client gives the etcd lease the DialTimeout and a second, or 5 s
#        without a DialTimeout, whatever its TTL. A client that is cut off that early believes in a session whose keys
#        are gone, and another can have the lock meanwhile.
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
	google.golang.org/grpc v1.83.2
)
END
cat >main.go <<'END'
package main

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"sync/atomic"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/client/v3/concurrency"
	"go.etcd.io/etcd/server/v3/embed"
	"go.uber.org/zap"
	"google.golang.org/grpc"
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

// cut is a connection that is silent once gone is true.
type cut struct {
	net.Conn
	gone *atomic.Bool
}

func (c cut) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	for err == nil && c.gone.Load() {
		time.Sleep(10 * time.Millisecond)
	}
	return n, err
}

func (c cut) Write(p []byte) (int, error) {
	if c.gone.Load() {
		return len(p), nil
	}
	return c.Conn.Write(p)
}

func main() {
	endpoint, stop := serve()
	defer stop()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	other := must(clientv3.New(clientv3.Config{Endpoints: []string{endpoint}, Logger: zap.NewNop()}))
	for _, timeout := range []time.Duration{0, 15 * time.Second} {
		var gone atomic.Bool
		dial := func(ctx context.Context, _ string) (net.Conn, error) {
			conn, err := net.Dial("unix", "client:1")
			return cut{conn, &gone}, err
		}
		c := must(clientv3.New(clientv3.Config{Endpoints: []string{endpoint}, DialTimeout: timeout, Logger: zap.NewNop(),
			DialOptions: []grpc.DialOption{grpc.WithContextDialer(dial)}}))
		lease := must(c.Grant(ctx, 3)).ID
		must(c.Put(ctx, "lock", "holder", clientv3.WithLease(lease)))
		gone.Store(true)
		start := time.Now()
		session := must(concurrency.NewSession(c, concurrency.WithLease(lease)))
		for must(other.Get(ctx, "lock")).Count > 0 {
			time.Sleep(50 * time.Millisecond)
		}
		fmt.Printf("DialTimeout %v: key gone within 4 s: %v\n", timeout, time.Since(start) < 4*time.Second)
		<-session.Done()
		fmt.Printf("DialTimeout %v: session done after %v\n", timeout, time.Since(start).Round(time.Second))
	}
}
END
GOWORK=off GOFLAGS=-mod=mod go build -o finding . 2>/dev/null
timeout 60 ./finding 2>/dev/null | tee seen
diff seen - <<'END'
DialTimeout 0s: key gone within 4 s: true
DialTimeout 0s: session done after 5s
DialTimeout 15s: key gone within 4 s: true
DialTimeout 15s: session done after 16s
END
echo "as found: etcd v3.7.3"
