#!/usr/bin/env bash
# github.com/nats-io/nats-server/v2 v2.15.3 with nats.go v1.55.0 (package jetstream), Go 1.26.
#
# Guess: Delete with LastRevision(0) fails if the key exists: "if the provided revision is not the latest, the delete
#        will return an error". Update with revision 0 does fail then.
# Seen:  revision 0 means no condition: the key is deleted, whoever holds it, and so with Purge. A release with the
#        revision that a failed Create has returned, which is 0, takes the lock from its holder.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat >go.mod <<'END'
module finding

go 1.26.0

require (
	github.com/nats-io/nats-server/v2 v2.15.3
	github.com/nats-io/nats.go v1.55.0
)
END
cat >main.go <<'END'
package main

import (
	"context"
	"fmt"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func main() {
	s := must(server.NewServer(&server.Options{DontListen: true, JetStream: true, StoreDir: "data", NoLog: true, NoSigs: true}))
	s.Start()
	defer s.Shutdown()
	js := must(jetstream.New(must(nats.Connect("", nats.InProcessServer(s)))))
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	kv := must(js.CreateKeyValue(ctx, jetstream.KeyValueConfig{Bucket: "locks"}))
	must(kv.Create(ctx, "lock", []byte("holder")))
	revision, err := kv.Create(ctx, "lock", []byte("other"))
	fmt.Println("create by another fails:", err != nil, "revision", revision)
	_, err = kv.Update(ctx, "lock", []byte("other"), revision)
	fmt.Println("update with that revision fails:", err != nil)
	fmt.Println("delete with a wrong revision fails:", kv.Delete(ctx, "lock", jetstream.LastRevision(7)) != nil)
	fmt.Println("delete with that revision fails:", kv.Delete(ctx, "lock", jetstream.LastRevision(revision)) != nil)
	_, err = kv.Get(ctx, "lock")
	fmt.Println("get:", err)
}
END
GOWORK=off GOFLAGS=-mod=mod go build -o finding . 2>/dev/null
timeout 60 ./finding 2>/dev/null | tee seen
diff seen - <<'END'
create by another fails: true revision 0
update with that revision fails: true
delete with a wrong revision fails: true
delete with that revision fails: false
get: nats: key not found
END
echo "as found: nats-server v2.15.3, nats.go v1.55.0"
