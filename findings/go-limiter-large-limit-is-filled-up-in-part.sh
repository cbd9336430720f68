#!/usr/bin/env bash
# github.com/sethvargo/go-limiter v0.7.1 (memorystore), Go 1.26.
#
# Guess: a store with Tokens per Interval gives that many in each interval, whatever the number.
# Seen:  from some limit on only the first interval of a key has them. Later ones have fewer, the higher the limit the
#        fewer: of 400000 per 4 s, 10000. fillRate, in its comment tokens per nanosecond, is nanoseconds per token, and
#        is multiplied by the number of intervals since the last one that was used. So the limit is filled up only if
#        its square is not above the interval in nanoseconds: up to 31622 a second, or 244948 a minute.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat >go.mod <<'END'
module finding

go 1.26.0

require github.com/sethvargo/go-limiter v0.7.1
END
cat >main.go <<'END'
package main

import (
	"context"
	"fmt"
	"time"

	"github.com/sethvargo/go-limiter"
	"github.com/sethvargo/go-limiter/memorystore"
)

func main() {
	ctx := context.Background()
	limits := []uint64{1000, 50000, 100000, 400000}
	stores := map[uint64]limiter.Store{}
	first := map[uint64]uint64{}
	for _, limit := range limits {
		store, err := memorystore.New(&memorystore.Config{Tokens: limit, Interval: 4 * time.Second, InitialAlloc: 1})
		if err != nil {
			panic(err)
		}
		stores[limit] = store
		_, first[limit], _, _, _ = store.Take(ctx, "key")
	}
	time.Sleep(5 * time.Second)
	for _, limit := range limits {
		_, second, _, _, err := stores[limit].Take(ctx, "key")
		fmt.Printf("%d per 4 s: the first interval has %d, the next one %d, error %v\n", limit, first[limit]+1, second+1, err)
	}
}
END
GOWORK=off GOFLAGS=-mod=mod timeout 110 go build -p 1 -o finding . 2>err || { cat err; exit 1; }
timeout 30 ./finding | tee seen
diff seen - <<'END'
1000 per 4 s: the first interval has 1000, the next one 1000, error <nil>
50000 per 4 s: the first interval has 50000, the next one 50000, error <nil>
100000 per 4 s: the first interval has 100000, the next one 40000, error <nil>
400000 per 4 s: the first interval has 400000, the next one 10000, error <nil>
END
echo "as found: go-limiter v0.7.1"
