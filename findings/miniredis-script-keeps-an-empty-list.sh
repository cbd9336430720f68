#!/usr/bin/env bash
# github.com/alicebob/miniredis/v2 v2.40.0 with a redis-server of Debian 12 (7.0.15), Go 1.26.
#
# Guess: a script that reads JSON, changes a field and writes the JSON back stores the same on miniredis.
# Seen:  an empty list stays a list on miniredis, and is an object on Redis: a Go program that reads it back into
#        a slice passes its tests and fails with "cannot unmarshal object". With an empty object it is the other
#        way about, and a field of null is kept by Redis and dropped by miniredis.
set -euo pipefail
command -v redis-server >/dev/null || { echo "install the Debian package redis-server" >&2; exit 1; }
dir=$(mktemp -d)
trap '[ -z "${server:-}" ] || kill "$server" 2>/dev/null; rm -rf "$dir"' EXIT
cd "$dir"
redis-server --port 0 --unixsocket "$dir/redis.sock" --save '' --daemonize no >/dev/null & server=$!
until [ -S "$dir/redis.sock" ]; do sleep 0.1; done
cat >go.mod <<'END'
module finding

go 1.26.0

require (
	github.com/alicebob/miniredis/v2 v2.40.0
	github.com/redis/go-redis/v9 v9.23.0
)
END
cat >main.go <<'END'
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"
)

// renew is a script that counts a holder's renewals.
const renew = `
local state = cjson.decode(redis.call('get', KEYS[1]))
state.renewals = state.renewals + 1
return cjson.encode(state)`

func main() {
	ctx := context.Background()
	mini, err := miniredis.Run()
	if err != nil {
		panic(err)
	}
	defer mini.Close()
	for _, s := range []struct {
		name string
		opt  *redis.Options
	}{
		{"miniredis", &redis.Options{Addr: mini.Addr(), Protocol: 2}},
		{"Redis", &redis.Options{Network: "unix", Addr: os.Args[1], Protocol: 2}},
	} {
		c := redis.NewClient(s.opt)
		for _, state := range []string{`{"renewals":1,"waiters":[]}`, `{"renewals":1,"labels":{}}`, `{"renewals":1,"owner":null}`} {
			c.Set(ctx, "lock", state, 0)
			text, err := c.Eval(ctx, renew, []string{"lock"}).Text()
			if err != nil {
				panic(err)
			}
			var fields map[string]json.RawMessage
			if err := json.Unmarshal([]byte(text), &fields); err != nil {
				panic(err)
			}
			delete(fields, "renewals")
			rest, _ := json.Marshal(fields)
			var typed struct {
				Waiters []string
				Labels  map[string]string
			}
			fmt.Printf("%s: %s leaves %s, read: %v\n", s.name, state, rest, json.Unmarshal([]byte(text), &typed) == nil)
		}
		c.Close()
	}
}
END
GOWORK=off GOFLAGS=-mod=mod timeout 110 go run . "$dir/redis.sock" 2>/dev/null | tee seen
diff seen - <<'END'
miniredis: {"renewals":1,"waiters":[]} leaves {"waiters":[]}, read: true
miniredis: {"renewals":1,"labels":{}} leaves {"labels":[]}, read: false
miniredis: {"renewals":1,"owner":null} leaves {}, read: true
Redis: {"renewals":1,"waiters":[]} leaves {"waiters":{}}, read: false
Redis: {"renewals":1,"labels":{}} leaves {"labels":{}}, read: true
Redis: {"renewals":1,"owner":null} leaves {"owner":null}, read: true
END
echo "as found: miniredis v2.40.0"
