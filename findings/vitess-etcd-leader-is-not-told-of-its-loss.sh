#!/usr/bin/env bash
# vitess.io/vitess v0.24.4 (go/vt/topo with etcd2topo), etcd 3.4.23 of Debian 12, Go 1.26.
#
# Guess: the context of WaitForLeadership ends when the leader has lost its etcd lease: "After we become the primary,
#        we may lose primaryship. In that case, the returned context will be canceled", says LeaderParticipation.
# Seen:  it does not, and the next one leads at the same time, until the first calls Stop: nobody looks at the etcd
#        lease. The keepalives are read and thrown away, and the context is cancelled by Stop alone. On ZooKeeper it
#        is cancelled when the node of the leader is gone. A leader has to ask GetCurrentLeaderID from time to time.
set -euo pipefail
for command in etcd curl; do
  command -v "$command" >/dev/null || { echo "install the Debian packages etcd-server and curl" >&2; exit 1; }
done
dir=$(mktemp -d)
server=''
trap '[ -z "$server" ] || kill "$server" 2>/dev/null || true; rm -rf "$dir"' EXIT
cd "$dir"
cat >go.mod <<'END'
module finding

go 1.26.0

require vitess.io/vitess v0.24.4
END
cat >main.go <<'END'
package main

import (
	"context"
	"fmt"
	"os"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"vitess.io/vitess/go/vt/servenv"
	"vitess.io/vitess/go/vt/topo/etcd2topo"
)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func main() {
	if err := servenv.GetFlagSetFor("vtctld").Set("topo-etcd-lease-ttl", "5"); err != nil {
		panic(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 100*time.Second)
	defer cancel()
	first := must(must(etcd2topo.NewServer(os.Args[1], "/vt")).NewLeaderParticipation("jobs", "first"))
	second := must(must(etcd2topo.NewServer(os.Args[1], "/vt")).NewLeaderParticipation("jobs", "second"))
	leads := must(first.WaitForLeadership())
	fmt.Printf("the leader is %s\n", must(first.GetCurrentLeaderID(ctx)))

	// The etcd lease of the first ends, as it does when its process is stopped for a while.
	client := must(clientv3.New(clientv3.Config{Endpoints: []string{os.Args[1]}}))
	node := must(client.Get(ctx, "/vt/elections/jobs/", clientv3.WithPrefix())).Kvs[0]
	must(client.Revoke(ctx, clientv3.LeaseID(node.Lease)))

	next := must(second.WaitForLeadership())
	time.Sleep(20 * time.Second)
	fmt.Printf("20 s after the loss, etcd lease of 5 s: the leader is %s\n", must(first.GetCurrentLeaderID(ctx)))
	fmt.Printf("context of the first: %v, of the second: %v\n", leads.Err(), next.Err())
	second.Stop()
	fmt.Printf("after Stop of the second: context of the first: %v, of the second: %v\n", leads.Err(), next.Err())
}
END
GOWORK=off GOFLAGS=-mod=mod timeout 900 go build -o finding . 2>err || cat err
for _ in 1 2 3 4 5; do # the ports may be taken by then
  port=$((20000 + RANDOM % 5000 * 2))
  etcd --data-dir "data$port" --log-level error --listen-client-urls "http://127.0.0.1:$port" \
    --advertise-client-urls "http://127.0.0.1:$port" --listen-peer-urls "http://127.0.0.1:$((port + 1))" \
    --initial-advertise-peer-urls "http://127.0.0.1:$((port + 1))" \
    --initial-cluster "default=http://127.0.0.1:$((port + 1))" >etcd.log 2>&1 & server=$!
  for _ in $(seq 150); do
    kill -0 "$server" 2>/dev/null || break
    ! curl -fs "http://127.0.0.1:$port/health" >/dev/null || break 2
    sleep 0.2
  done
done
timeout 120 ./finding "127.0.0.1:$port" 2>/dev/null | tee seen
diff seen - <<'END'
the leader is first
20 s after the loss, etcd lease of 5 s: the leader is second
context of the first: <nil>, of the second: <nil>
after Stop of the second: context of the first: <nil>, of the second: context canceled
END
echo "as found: vitess v0.24.4"
