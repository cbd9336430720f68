#!/usr/bin/env bash
# github.com/dapr/components-contrib v1.18.0 (state stores redis and in-memory), Redis 7.0, Go 1.26.
#
# Guess: a holder whose item was deleted or has expired can do nothing with its ETag any more: a Set or Delete with it
#        is an ETag mismatch, as with the in-memory store that one tests with.
# Seen:  with redis the Set brings the item back, and when somebody else has set it, the old ETag fits the new item: the
#        former holder writes over it and deletes it. The ETag counts the writes of one key and begins at 1 again with
#        each new item, and a script that finds no item takes every ETag.
set -euo pipefail
command -v redis-server >/dev/null || { echo "install the Debian package redis-server" >&2; exit 1; }
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
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/dapr/components-contrib/metadata"
	"github.com/dapr/components-contrib/state"
	inmemory "github.com/dapr/components-contrib/state/in-memory"
	"github.com/dapr/components-contrib/state/redis"
	"github.com/dapr/kit/logger"
)

var ctx = context.Background()

func outcome(err error) string {
	var mismatch *state.ETagError
	if errors.As(err, &mismatch) {
		return "refused"
	} else if err != nil {
		panic(err)
	}
	return "done"
}

func try(name string, store state.Store, properties map[string]string) {
	if err := store.Init(ctx, state.Metadata{Base: metadata.Base{Properties: properties}}); err != nil {
		panic(err)
	}
	set := func(holder string, etag *string, ttl string) string {
		return outcome(store.Set(ctx, &state.SetRequest{Key: "job", Value: holder, ETag: etag,
			Options: state.SetStateOption{Concurrency: state.FirstWrite}, Metadata: map[string]string{"ttlInSeconds": ttl}}))
	}
	get := func() (string, *string) {
		item, err := store.Get(ctx, &state.GetRequest{Key: "job"})
		if err != nil {
			panic(err)
		}
		return string(item.Data), item.ETag
	}
	expire := func() {
		for data := "?"; data != ""; data, _ = get() {
			time.Sleep(100 * time.Millisecond)
		}
	}
	fmt.Printf("%s: first takes the job for a few seconds: %s\n", name, set("first", nil, "3"))
	_, etag := get()
	expire()
	fmt.Printf("%s: it has expired; first renews it with its ETag: %s\n", name, set("first", etag, "3"))
	expire()
	fmt.Printf("%s: second takes the job: %s\n", name, set("second", nil, "600"))
	fmt.Printf("%s: first renews it with its old ETag: %s", name, set("first", etag, "600"))
	data, _ := get()
	fmt.Printf(", the holder is %s\n", data)
	if err := store.Delete(ctx, &state.DeleteRequest{Key: "job"}); err != nil {
		panic(err)
	}
	fmt.Printf("%s: second takes the job: %s\n", name, set("second", nil, "600"))
	err := store.Delete(ctx, &state.DeleteRequest{Key: "job", ETag: etag,
		Options: state.DeleteStateOption{Concurrency: state.FirstWrite}})
	fmt.Printf("%s: first deletes it with its old ETag: %s\n", name, outcome(err))
}

func main() {
	log := logger.NewLogger("finding")
	log.SetOutput(os.Stderr)
	try("in-memory", inmemory.NewInMemoryStateStore(log), nil)
	try("redis", redis.NewRedisStateStore(log), map[string]string{"redisHost": os.Args[1]})
}
EOF
GOWORK=off GOFLAGS=-mod=mod timeout 900 go build -p 2 -o finding . 2>err || { cat err; exit 1; }
for _ in 1 2 3 4 5; do # the port may be taken by then
  port=$((20000 + RANDOM % 10000))
  redis-server --port "$port" --bind 127.0.0.1 --save '' --dir "$dir" >redis.log 2>&1 & server=$!
  for _ in $(seq 100); do
    kill -0 "$server" 2>/dev/null || break
    ! redis-cli -p "$port" ping >/dev/null 2>&1 || break 2
    sleep 0.1
  done
done
timeout 60 ./finding "127.0.0.1:$port" 2>err | tee seen || { cat err; exit 1; }
diff seen - <<'EOF'
in-memory: first takes the job for a few seconds: done
in-memory: it has expired; first renews it with its ETag: refused
in-memory: second takes the job: done
in-memory: first renews it with its old ETag: refused, the holder is "second"
in-memory: second takes the job: done
in-memory: first deletes it with its old ETag: refused
redis: first takes the job for a few seconds: done
redis: it has expired; first renews it with its ETag: done
redis: second takes the job: done
redis: first renews it with its old ETag: done, the holder is "first"
redis: second takes the job: done
redis: first deletes it with its old ETag: done
EOF
echo "as found: dapr/components-contrib v1.18.0"
