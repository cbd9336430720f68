#!/usr/bin/env bash
# github.com/nats-io/nats-server/v2 v2.15.3 with nats.go v1.55.0 (package jetstream), Go 1.26.
#
# Guess: Update of a key that was created with KeyTTL gives it its TTL anew: "Update also resets the TTL associated
#        with the key (if any)", says the documentation. So a holder keeps its key with an Update now and then.
# Seen:  Update takes the TTL away. The key then stays for ever, also when its holder has died. Update and Put have no
#        option for a TTL; only a Create has, after a Delete.
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
	kv := must(js.CreateKeyValue(ctx, jetstream.KeyValueConfig{Bucket: "locks", LimitMarkerTTL: time.Second}))
	must(kv.Create(ctx, "left-alone", []byte("holder"), jetstream.KeyTTL(2*time.Second)))
	revision := must(kv.Create(ctx, "updated", []byte("holder"), jetstream.KeyTTL(2*time.Second)))
	must(kv.Update(ctx, "updated", []byte("holder"), revision))
	time.Sleep(6 * time.Second)
	for _, key := range []string{"left-alone", "updated"} {
		_, err := kv.Get(ctx, key)
		fmt.Printf("TTL of 2 s, %s, after 6 s: %v\n", key, err)
	}
}
END
GOWORK=off GOFLAGS=-mod=mod go build -o finding . 2>/dev/null
timeout 60 ./finding 2>/dev/null | tee seen
diff seen - <<'END'
TTL of 2 s, left-alone, after 6 s: nats: key not found
TTL of 2 s, updated, after 6 s: <nil>
END
echo "as found: nats-server v2.15.3, nats.go v1.55.0"
