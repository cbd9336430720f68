#!/usr/bin/env bash
# github.com/nats-io/nats-server/v2 v2.15.3 with nats.go v1.55.0 (package jetstream), Go 1.26.
#
# Guess: a key that is created with KeyTTL is gone after that time: at once, or a little later. LimitMarkerTTL of
#        the bucket only says how long watchers can find the marker of the end.
# Seen:  a KeyTTL is cut to whole seconds: one of 1.9 s ends after 1 s. And in a bucket with a History above 1 a
#        KeyTTL below LimitMarkerTTL is raised to it, without an error. A key of a dead process, such as a lock,
#        then stays for as long as the marker would.
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
	// after returns the time from the create of a key to its end, by the server's clock.
	after := func(history uint8, ttl, marker time.Duration) time.Duration {
		kv := must(js.CreateKeyValue(ctx, jetstream.KeyValueConfig{
			Bucket: fmt.Sprint("history", history), History: history, LimitMarkerTTL: marker}))
		changes := must(kv.Watch(ctx, "key", jetstream.UpdatesOnly())).Updates()
		must(kv.Create(ctx, "key", []byte("holder"), jetstream.KeyTTL(ttl)))
		created := <-changes
		return (<-changes).Created().Sub(created.Created())
	}
	fmt.Println("history 1, TTL 1.9 s, marker 6 s: ends before 1.9 s:", after(1, 1900*time.Millisecond, 6*time.Second) < 1900*time.Millisecond)
	fmt.Println("history 2, TTL 1.9 s, marker 6 s: ends before 6 s:", after(2, 1900*time.Millisecond, 6*time.Second) < 6*time.Second)
}
END
GOWORK=off GOFLAGS=-mod=mod go run . 2>/dev/null | tee seen
diff seen - <<'END'
history 1, TTL 1.9 s, marker 6 s: ends before 1.9 s: true
history 2, TTL 1.9 s, marker 6 s: ends before 6 s: false
END
echo "as found: nats-server v2.15.3"
