#!/usr/bin/env bash
# vitess.io/vitess v0.24.4 (go/vt/topo with etcd2topo), etcd 3.4.23 of Debian 12, Go 1.26.
#
# Guess: a lock of LockKeyspace lasts until it is unlocked: the etcd lease has a TTL of 30 s, and "the client will use
#        KeepAlive to keep the lease going", says the flag --topo-etcd-lease-ttl.
# Seen:  it ends with the TTL, and the next one gets it while the first is at work. LockKeyspace, LockShard and the
#        other locks of topo.Server give etcd2topo a context that they cancel on return, and the keepalives end with it.
#        A holder that calls CheckKeyspaceLocked often enough keeps the lock, as each check renews the etcd lease once.
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

	topodatapb "vitess.io/vitess/go/vt/proto/topodata"
	"vitess.io/vitess/go/vt/servenv"
	"vitess.io/vitess/go/vt/topo"
	_ "vitess.io/vitess/go/vt/topo/etcd2topo"
)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}

func main() {
	const ttl = 12
	check(servenv.GetFlagSetFor("vtctld").Set("topo-etcd-lease-ttl", fmt.Sprint(ttl)))
	topo.LockTimeout = 2 * ttl * time.Second // how long a Lock waits
	ctx, cancel := context.WithTimeout(context.Background(), 110*time.Second)
	defer cancel()
	first := must(topo.OpenServer("etcd2", os.Args[1], "/vt"))
	second := must(topo.OpenServer("etcd2", os.Args[1], "/vt"))
	for _, checks := range []bool{true, false} {
		keyspace := fmt.Sprint("keyspace", checks)
		check(first.CreateKeyspace(ctx, keyspace, &topodatapb.Keyspace{}))
		held, unlock, err := first.LockKeyspace(ctx, keyspace, "first")
		check(err)
		got := make(chan error)
		go func() {
			_, _, err := second.LockKeyspace(ctx, keyspace, "second")
			got <- err
		}()
		for over := false; !over; {
			select {
			case err = <-got:
				over = true
			case <-time.After(time.Second):
				if checks {
					check(topo.CheckKeyspaceLocked(held, keyspace))
				}
			}
		}
		fmt.Printf("TTL of %d s, first checks its lock every second: %v: second gets it within %d s: %v\n", ttl, checks, 2*ttl, err == nil)
		fmt.Printf("  first's check then fails: %v\n", topo.CheckKeyspaceLocked(held, keyspace) != nil)
		unlock(&err)
	}
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
TTL of 12 s, first checks its lock every second: true: second gets it within 24 s: false
  first's check then fails: false
TTL of 12 s, first checks its lock every second: false: second gets it within 24 s: true
  first's check then fails: true
END
echo "as found: vitess v0.24.4"
