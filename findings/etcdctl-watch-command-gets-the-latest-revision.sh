#!/usr/bin/env bash
# go.etcd.io/etcd/etcdctl/v3 and server/v3 v3.7.3, Go 1.26.
#
# Guess: a command of etcdctl watch KEY -- COMMAND finds the revision of its event in ETCD_WATCH_REVISION, to go on from
#        with --rev or to order writes by. If a command fails, the next event has its turn all the same.
# Seen:  the revision is that of the whole store when the events were sent: events that come together, as with --rev,
#        have one revision, and a watch that starts again at the next one leaves the rest of them out. And the first
#        command that fails ends etcdctl; the events after it have no turn.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat >go.mod <<'END'
module finding

go 1.26.0

require (
	go.etcd.io/etcd/client/v3 v3.7.3
	go.etcd.io/etcd/etcdctl/v3 v3.7.3
	go.etcd.io/etcd/server/v3 v3.7.3
)
END
cat >main.go <<'END'
package main

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"os/exec"
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

func main() {
	endpoint, stop := serve()
	defer stop()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	c := must(clientv3.New(clientv3.Config{Endpoints: []string{endpoint}, Logger: zap.NewNop()}))
	for _, value := range []string{"one", "two", "three"} {
		fmt.Println("put", value, "at revision", must(c.Put(ctx, "job", value)).Header.Revision)
	}
	// watch runs a command for each event from the first on, until one fails.
	watch := func(script string) {
		cmd := exec.CommandContext(ctx, "./etcdctl", "--endpoints", endpoint, "watch", "job", "--rev=2", "--", "sh", "-c", script)
		cmd.Stderr = os.Stderr
		out, err := cmd.Output()
		for _, line := range strings.Split(string(out), "\n") {
			if strings.HasPrefix(line, "command:") {
				fmt.Println(line)
			}
		}
		fmt.Println("etcdctl:", err)
	}
	watch(`echo "command: $ETCD_WATCH_VALUE at $ETCD_WATCH_REVISION"; test "$ETCD_WATCH_VALUE" != '"three"'`)
	watch(`echo "command: $ETCD_WATCH_VALUE"; test "$ETCD_WATCH_VALUE" != '"one"'`)
}
END
GOWORK=off GOFLAGS=-mod=mod go build -o etcdctl go.etcd.io/etcd/etcdctl/v3 2>/dev/null
GOWORK=off GOFLAGS=-mod=mod go build -o finding . 2>/dev/null
timeout 60 ./finding 2>/dev/null | tee seen
diff seen - <<'END'
put one at revision 2
put two at revision 3
put three at revision 4
command: "one" at 4
command: "two" at 4
command: "three" at 4
etcdctl: exit status 1
command: "one"
etcdctl: exit status 1
END
echo "as found: etcd v3.7.3"
