#!/usr/bin/env bash
# github.com/dapr/components-contrib v1.18.0 (state stores redis and in-memory), Redis 7.0, Go 1.26.
#
# Guess: the concurrency of a request counts: first-write without an ETag is refused if the item is there, last-write
#        always succeeds. So it is with the in-memory store that one tests with.
# Seen:  with redis the request that made the item decides for ever. An item made with last-write is overwritten by
#        first-write, so two take one lock. One made with first-write refuses every last-write, also with the right ETag,
#        and so no owner can force it. The script looks at a field "first-write" of the stored item, sets that once and
#        never takes it away, and last-write leaves the ETag out. A transaction never sets the field.
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
	"fmt"
	"os"

	"github.com/dapr/components-contrib/metadata"
	"github.com/dapr/components-contrib/state"
	inmemory "github.com/dapr/components-contrib/state/in-memory"
	"github.com/dapr/components-contrib/state/redis"
	"github.com/dapr/kit/logger"
)

var ctx = context.Background()

func outcome(err error) string {
	if err != nil {
		return "refused"
	}
	return "done"
}

func try(name string, store state.Store, properties map[string]string) {
	if err := store.Init(ctx, state.Metadata{Base: metadata.Base{Properties: properties}}); err != nil {
		panic(err)
	}
	request := func(key, holder, concurrency string, etag *string) state.SetRequest {
		return state.SetRequest{Key: key, Value: holder, ETag: etag, Options: state.SetStateOption{Concurrency: concurrency}}
	}
	set := func(key, holder, concurrency string, etag *string) string {
		set := request(key, holder, concurrency, etag)
		return outcome(store.Set(ctx, &set))
	}
	transact := func(key, holder, concurrency string) string {
		return outcome(store.(state.TransactionalStore).Multi(ctx, &state.TransactionalStateRequest{
			Operations: []state.TransactionalStateOperation{request(key, holder, concurrency, nil)}}))
	}
	get := func(key string) *state.GetResponse {
		item, err := store.Get(ctx, &state.GetRequest{Key: key})
		if err != nil {
			panic(err)
		}
		return item
	}

	fmt.Printf("%s: a is made with last-write: %s", name, set("a", "first", state.LastWrite, nil))
	fmt.Printf("; first-write: %s", set("a", "second", state.FirstWrite, nil))
	fmt.Printf(", a is %s\n", get("a").Data)

	fmt.Printf("%s: b is made with first-write: %s", name, set("b", "first", state.FirstWrite, nil))
	fmt.Printf("; last-write: %s", set("b", "owner", state.LastWrite, nil))
	fmt.Printf("; with the ETag: %s", set("b", "owner", state.LastWrite, get("b").ETag))
	fmt.Printf("; without a concurrency: %s\n", set("b", "owner", "", nil))

	fmt.Printf("%s: c is made with first-write in a transaction: %s", name, transact("c", "first", state.FirstWrite))
	fmt.Printf("; once more: %s", transact("c", "second", state.FirstWrite))
	fmt.Printf(", c is %s\n", get("c").Data)
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
in-memory: a is made with last-write: done; first-write: refused, a is "first"
in-memory: b is made with first-write: done; last-write: done; with the ETag: done; without a concurrency: done
in-memory: c is made with first-write in a transaction: done; once more: refused, c is "first"
redis: a is made with last-write: done; first-write: done, a is "second"
redis: b is made with first-write: done; last-write: refused; with the ETag: refused; without a concurrency: refused
redis: c is made with first-write in a transaction: done; once more: done, c is "second"
EOF
echo "as found: dapr/components-contrib v1.18.0"
