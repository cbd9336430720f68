#!/usr/bin/env bash
# vitess.io/vitess v0.24.4 (go/vt/topo with memorytopo), Go 1.26.
#
# Guess: TryLockShard of a shard that is locked fails at once with NodeExists in tests with memorytopo, as on etcd and
#        ZooKeeper: "instead of waiting and blocking the client it returns", says the interface.
# Seen:  it waits like LockShard, fails with a timeout after LockTimeout, 45 s by default, and gets the lock if that is
#        given up by then. So a test never sees the refusal that servers give. TryLock of memorytopo calls its Lock.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
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
	"time"

	topodatapb "vitess.io/vitess/go/vt/proto/topodata"
	"vitess.io/vitess/go/vt/topo"
	"vitess.io/vitess/go/vt/topo/memorytopo"
)

func check(err error) {
	if err != nil {
		panic(err)
	}
}

func main() {
	topo.LockTimeout = 10 * time.Second
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	server := memorytopo.NewServer(ctx, "zone1")
	check(server.CreateKeyspace(ctx, "jobs", &topodatapb.Keyspace{}))
	check(server.CreateShard(ctx, "jobs", "0"))
	_, unlock, err := server.LockShard(ctx, "jobs", "0", "first")
	check(err)

	began := time.Now()
	_, _, err = server.TryLockShard(ctx, "jobs", "0", "second")
	fmt.Printf("refused as locked: %v, timed out: %v, waited: %v\n", topo.IsErrType(err, topo.NodeExists),
		topo.IsErrType(err, topo.Timeout), time.Since(began) > 5*time.Second)

	got := make(chan error)
	go func() {
		_, _, err := server.TryLockShard(ctx, "jobs", "0", "third")
		got <- err
	}()
	time.Sleep(2 * time.Second)
	unlock(&err)
	fmt.Printf("unlocked meanwhile: %v\n", <-got)
}
END
GOWORK=off GOFLAGS=-mod=mod timeout 900 go build -o finding . 2>err || cat err
timeout 90 ./finding 2>/dev/null | tee seen
diff seen - <<'END'
refused as locked: false, timed out: true, waited: true
unlocked meanwhile: <nil>
END
echo "as found: vitess v0.24.4"
