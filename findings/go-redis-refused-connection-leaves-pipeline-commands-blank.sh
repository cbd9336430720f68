#!/usr/bin/env bash
# github.com/redis/go-redis/v9 v9.23.0 with a redis-server of Debian 12 (7.0.15), Go 1.26.
#
# Guess: if a pipeline cannot get a connection because the server refuses the user's
#        password, each of its commands has that error, as it has if the server cannot be
#        dialled. So it is enough to look at the commands.
# Seen:  a refused dial is on every command. A refused password is returned by Exec alone;
#        each command has the error nil and the value nil, as if the server had answered
#        with nothing.
#
# Whoever reads the commands of a pipeline must therefore look at the error of Exec as well,
# or takes a call that was never sent for one that succeeded.
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

require github.com/redis/go-redis/v9 v9.23.0
END
cat >main.go <<'END'
package main

import (
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/redis/go-redis/v9"
)

func main() {
	ctx := context.Background()
	for _, options := range []*redis.Options{
		{Network: "unix", Addr: os.Args[1], Username: "nobody", Password: "wrong", MaxRetries: -1},
		{Network: "unix", Addr: os.Args[1] + ".none", MaxRetries: -1, DialerRetries: 1},
	} {
		client := redis.NewClient(options)
		pipe := client.Pipeline()
		first, second := pipe.Do(ctx, "incr", "n"), pipe.Do(ctx, "incr", "n")
		_, err := pipe.Exec(ctx)
		word, _, _ := strings.Cut(err.Error(), " ")
		fmt.Printf("exec: %s; commands: error %v, %v; value %v, %v\n", word, first.Err() != nil, second.Err() != nil, first.Val(), second.Val())
		client.Close()
	}
}
END
GOWORK=off GOFLAGS=-mod=mod go run . "$dir/redis.sock" 2>/dev/null | tee seen
diff seen - <<'END'
exec: WRONGPASS; commands: error false, false; value <nil>, <nil>
exec: dial; commands: error true, true; value <nil>, <nil>
END
echo "as found: go-redis v9.23.0"
