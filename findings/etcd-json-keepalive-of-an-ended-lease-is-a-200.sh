#!/usr/bin/env bash
# go.etcd.io/etcd/server/v3 v3.7.3 (its JSON gateway) and client/v3, Go 1.26.
#
# Guess: /v3/lease/keepalive of an etcd lease that has ended is a 404 with "requested lease not found", as that of
#        /v3/lease/revoke and of a put with it.
# Seen:  it is a 200 with the id, and only lacks "TTL". A heartbeat that looks at the status, as curl -f does, goes on
#        without a lease. Likewise a watch from a compacted revision is a 200 with "created" and then "canceled",
#        where a read of that revision is a 400.
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
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

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

// post sends a request to the JSON gateway of the server.
func post(path, body string) string {
	client := http.Client{Timeout: 2 * time.Second, Transport: &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) {
		return net.Dial("unix", "client:1")
	}}}
	resp := must(client.Post("http://etcd"+path, "application/json", strings.NewReader(body)))
	defer resp.Body.Close()
	text, _ := io.ReadAll(resp.Body) // until the timeout, for a watch
	return fmt.Sprint(resp.StatusCode, " ", string(text))
}

func main() {
	endpoint, stop := serve()
	defer stop()
	ctx := context.Background()
	c := must(clientv3.New(clientv3.Config{Endpoints: []string{endpoint}, Logger: zap.NewNop()}))
	lease := must(c.Grant(ctx, 60)).ID
	request, key := fmt.Sprintf(`{"ID":"%d"}`, lease), base64.StdEncoding.EncodeToString([]byte("key"))
	show := func(what, answer string) {
		fmt.Printf("%s: %s, TTL %v, canceled %v\n", what, answer[:3], strings.Contains(answer, `"TTL"`), strings.Contains(answer, `"canceled":true`))
	}
	show("keepalive", post("/v3/lease/keepalive", request))
	must(c.Revoke(ctx, lease))
	show("keepalive of an ended lease", post("/v3/lease/keepalive", request))
	show("put with an ended lease", post("/v3/kv/put", fmt.Sprintf(`{"key":%q,"lease":"%d"}`, key, lease)))
	show("revoke of an ended lease", post("/v3/lease/revoke", request))
	must(c.Put(ctx, "key", "1"))
	must(c.Compact(ctx, must(c.Put(ctx, "key", "2")).Header.Revision))
	show("read of a compacted revision", post("/v3/kv/range", fmt.Sprintf(`{"key":%q,"revision":"1"}`, key)))
	show("watch of a compacted revision", post("/v3/watch", fmt.Sprintf(`{"create_request":{"key":%q,"start_revision":"1"}}`, key)))
}
END
GOWORK=off GOFLAGS=-mod=mod go build -o finding . 2>/dev/null
timeout 60 ./finding 2>/dev/null | tee seen
diff seen - <<'END'
keepalive: 200, TTL true, canceled false
keepalive of an ended lease: 200, TTL false, canceled false
put with an ended lease: 404, TTL false, canceled false
revoke of an ended lease: 404, TTL false, canceled false
read of a compacted revision: 400, TTL false, canceled false
watch of a compacted revision: 200, TTL false, canceled true
END
echo "as found: etcd v3.7.3"
