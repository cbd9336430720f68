#!/usr/bin/env bash
# go.etcd.io/etcd/server/v3 v3.7.3 (its JSON gateway) and client/v3, Go 1.26.
#
# Guess: a comparison of /v3/kv/txn that has a "value" compares the value, or is refused if "target" is left out. A name
#        that the gateway does not know, as "compares" or "leaseId", is refused as well.
# Seen:  without a target it compares the version with 0, whatever the value: true if the key is missing, false if it
#        has the value. A write "if I still hold the key" is then carried out when the key has expired. Unknown names
#        are left out without a word: no comparison, no etcd lease, a TTL of 2 s for "ttl".
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
	client := http.Client{Transport: &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) {
		return net.Dial("unix", "client:1")
	}}}
	resp := must(client.Post("http://etcd"+path, "application/json", strings.NewReader(body)))
	defer resp.Body.Close()
	return fmt.Sprint(resp.StatusCode, " ", string(must(io.ReadAll(resp.Body))))
}

func main() {
	endpoint, stop := serve()
	defer stop()
	ctx := context.Background()
	c := must(clientv3.New(clientv3.Config{Endpoints: []string{endpoint}, Logger: zap.NewNop()}))
	must(c.Put(ctx, "held", "me"))
	b64 := func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }
	for _, key := range []string{"held", "missing"} {
		for _, target := range []string{`"target":"VALUE",`, ``} {
			compare := fmt.Sprintf(`{"compare":[{%s"key":%q,"value":%q}]}`, target, b64(key), b64("me"))
			fmt.Printf("%s, %q: %v\n", key, target, strings.Contains(post("/v3/kv/txn", compare), `"succeeded":true`))
		}
	}
	put := fmt.Sprintf(`[{"requestPut":{"key":%q,"value":%q}}]`, b64("held"), b64("other"))
	misspelt := fmt.Sprintf(`{"compares":[{"target":"CREATE","key":%q,"create_revision":"0"}],"success":%s}`, b64("held"), put)
	fmt.Println("compares:", strings.Contains(post("/v3/kv/txn", misspelt), `"succeeded":true`), string(must(c.Get(ctx, "held")).Kvs[0].Value))
	lease := must(c.Grant(ctx, 60)).ID
	fmt.Println("leaseId:", post("/v3/kv/put", fmt.Sprintf(`{"key":%q,"leaseId":"%d"}`, b64("lock"), lease))[:3], must(c.Get(ctx, "lock")).Kvs[0].Lease)
	fmt.Println("ttl:", strings.Contains(post("/v3/lease/grant", `{"ttl":"60"}`), `"TTL":"2"`))
}
END
GOWORK=off GOFLAGS=-mod=mod go build -o finding . 2>/dev/null
timeout 60 ./finding 2>/dev/null | tee seen
diff seen - <<'END'
held, "\"target\":\"VALUE\",": true
held, "": false
missing, "\"target\":\"VALUE\",": false
missing, "": true
compares: true other
leaseId: 200 0
ttl: true
END
echo "as found: etcd v3.7.3"
