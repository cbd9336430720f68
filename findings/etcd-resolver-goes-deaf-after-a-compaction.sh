#!/usr/bin/env bash
# go.etcd.io/etcd/client/v3/naming and server/v3 v3.7.3, Go 1.26.
#
# Guess: a gRPC client with etcd's resolver that was cut off from etcd for a while learns of the service's new address when
#        it has connected again, whatever etcd has done meanwhile.
# Seen:  not if etcd was compacted meanwhile, as servers with --auto-compaction-retention are every few minutes: the
#        resolver then never hears of any address again, without an error, and calls go to the old ones until they fail.
#        Its watch ends with "required revision has been compacted", and it neither reads anew nor reports that.
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
	"errors"
	"fmt"
	"net"
	"net/url"
	"sync/atomic"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/client/v3/naming/endpoints"
	"go.etcd.io/etcd/client/v3/naming/resolver"
	"go.etcd.io/etcd/server/v3/embed"
	"go.uber.org/zap"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/emptypb"
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

// service starts a gRPC server, which knows no method, and returns its address.
func service() (addr string, stop func()) {
	ln, s := must(net.Listen("tcp", "127.0.0.1:0")), grpc.NewServer()
	go s.Serve(ln)
	return ln.Addr().String(), s.Stop
}

func main() {
	endpoint, stop := serve()
	defer stop()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	direct := must(clientv3.New(clientv3.Config{Endpoints: []string{endpoint}, Logger: zap.NewNop()}))
	manager := must(endpoints.NewManager(direct, "service"))
	for _, compact := range []bool{false, true} {
		register := func(addr string) error {
			return manager.AddEndpoint(ctx, "service/1", endpoints.Endpoint{Addr: addr})
		}
		var cut atomic.Bool
		var last atomic.Pointer[net.Conn]
		dial := func(ctx context.Context, _ string) (net.Conn, error) {
			if cut.Load() {
				return nil, errors.New("cut off")
			}
			c, err := new(net.Dialer).DialContext(ctx, "unix", "client:1")
			last.Store(&c)
			return c, err
		}
		c := must(clientv3.New(clientv3.Config{Endpoints: []string{endpoint}, Logger: zap.NewNop(),
			DialOptions: []grpc.DialOption{grpc.WithContextDialer(dial)}}))
		conn := must(grpc.NewClient("etcd:///service", grpc.WithResolvers(must(resolver.NewBuilder(c))),
			grpc.WithTransportCredentials(insecure.NewCredentials())))
		call := func() string {
			ctx, cancel := context.WithTimeout(ctx, 15*time.Second)
			defer cancel()
			err := conn.Invoke(ctx, "/service/Method", &emptypb.Empty{}, &emptypb.Empty{}, grpc.WaitForReady(true))
			return status.Code(err).String()
		}
		fmt.Println("compaction meanwhile:", compact)
		addr, end := service()
		fmt.Println("  registered:", register(addr))
		fmt.Println("  call:", call())
		cut.Store(true)
		(*last.Load()).Close()
		end()
		addr, _ = service() // the service starts again elsewhere
		fmt.Println("  registered elsewhere, twice:", register(addr), register(addr))
		if compact {
			must(direct.Compact(ctx, must(direct.Get(ctx, "service")).Header.Revision))
		}
		cut.Store(false)
		fmt.Println("  call after a move:", call())
		fmt.Println("  etcd answers the resolver's client:", must(c.Get(ctx, "service/1")).Count == 1)
	}
}
END
GOWORK=off GOFLAGS=-mod=mod go build -o finding . 2>/dev/null
timeout 60 ./finding 2>/dev/null | tee seen
diff seen - <<'END'
compaction meanwhile: false
  registered: <nil>
  call: Unimplemented
  registered elsewhere, twice: <nil> <nil>
  call after a move: Unimplemented
  etcd answers the resolver's client: true
compaction meanwhile: true
  registered: <nil>
  call: Unimplemented
  registered elsewhere, twice: <nil> <nil>
  call after a move: DeadlineExceeded
  etcd answers the resolver's client: true
END
echo "as found: etcd v3.7.3"
