#!/usr/bin/env bash
# github.com/dapr/components-contrib v1.18.0 (state store etcd), etcd 3.4.23 of Debian 12, Go 1.26.
#
# Guess: of those who set an item with first-write at the same moment, without an ETag or with one ETag, one succeeds and
#        the others have an ETag mismatch. In a transaction nothing else is written by those who lose.
# Seen:  several succeed, and several believe that they have the item. The store reads the item first and compares then.
#        Without an ETag it puts the item without a condition. With an ETag it does so in a transaction of etcd with a
#        condition, and does not look whether that was carried out. A transaction is one of etcd for each item.
set -euo pipefail
for command in etcd curl; do
  command -v "$command" >/dev/null || { echo "install the Debian packages etcd-server and curl" >&2; exit 1; }
done
dir=$(mktemp -d)
server=''
trap '[ -z "$server" ] || kill "$server" 2>/dev/null || true; rm -rf "$dir"' EXIT
cd "$dir"
cat >go.mod <<'EOF'
module finding

go 1.26.0

require github.com/dapr/components-contrib v1.18.0
EOF
cat >main.go <<'EOF'
package main

import (
	"context"
	"fmt"
	"os"
	"sync"

	"github.com/dapr/components-contrib/metadata"
	"github.com/dapr/components-contrib/state"
	"github.com/dapr/components-contrib/state/etcd"
	"github.com/dapr/kit/logger"
)

const holders = 10

func main() {
	ctx := context.Background()
	log := logger.NewLogger("finding")
	log.SetOutput(os.Stderr)
	store := etcd.NewEtcdStateStoreV2(log)
	if err := store.Init(ctx, state.Metadata{Base: metadata.Base{Properties: map[string]string{
		"endpoints": os.Args[1], "keyPrefixPath": "/dapr", "tlsEnable": "false"}}}); err != nil {
		panic(err)
	}
	get := func(key string) *state.GetResponse {
		item, err := store.Get(ctx, &state.GetRequest{Key: key})
		if err != nil {
			panic(err)
		}
		return item
	}
	request := func(key, holder string, etag *string) state.SetRequest {
		return state.SetRequest{Key: key, Value: holder, ETag: etag, Options: state.SetStateOption{Concurrency: state.FirstWrite}}
	}
	// contend says how many of the holders were told that they have written.
	contend := func(try func(holder string) error) int {
		var all sync.WaitGroup
		done := make(chan int, holders)
		start := make(chan int)
		for i := range holders {
			all.Go(func() {
				<-start
				if try(fmt.Sprint("holder ", i)) == nil {
					done <- i
				}
			})
		}
		close(start)
		all.Wait()
		return len(done)
	}
	// A race has another outcome each time, so each is tried until several have succeeded.
	search := func(what string, try func(round int) int) {
		for round := range 200 {
			if try(round) > 1 {
				fmt.Printf("%s: several have succeeded\n", what)
				return
			}
		}
		fmt.Printf("%s: one has succeeded\n", what)
	}

	search("first-write without an ETag", func(round int) int {
		key := fmt.Sprint("new-", round)
		return contend(func(holder string) error {
			set := request(key, holder, nil)
			return store.Set(ctx, &set)
		})
	})
	free := func(key string) *string {
		set := request(key, "nobody", nil)
		if err := store.Set(ctx, &set); err != nil {
			panic(err)
		}
		return get(key).ETag
	}
	search("first-write with one ETag", func(round int) int {
		key := fmt.Sprint("free-", round)
		etag := free(key)
		return contend(func(holder string) error {
			set := request(key, holder, etag)
			return store.Set(ctx, &set)
		})
	})
	search("a transaction with one ETag", func(round int) int {
		key := fmt.Sprint("both-", round)
		etag := free(key)
		done := contend(func(holder string) error {
			return store.(state.TransactionalStore).Multi(ctx, &state.TransactionalStateRequest{
				Operations: []state.TransactionalStateOperation{
					request(key, holder, etag), state.SetRequest{Key: key + " log of " + holder, Value: "I have it"}}})
		})
		logs := 0
		for i := range holders {
			if len(get(fmt.Sprint(key, " log of holder ", i)).Data) > 0 {
				logs++
			}
		}
		if done != logs {
			panic(fmt.Sprintf("%d have succeeded, %d logs", done, logs))
		}
		return logs
	})
}
EOF
GOWORK=off GOFLAGS=-mod=mod timeout 900 go build -p 2 -o finding . 2>err || { cat err; exit 1; }
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
timeout 80 ./finding "127.0.0.1:$port" 2>err | tee seen || { cat err; exit 1; }
diff seen - <<'EOF'
first-write without an ETag: several have succeeded
first-write with one ETag: several have succeeded
a transaction with one ETag: several have succeeded
EOF
echo "as found: dapr/components-contrib v1.18.0"
