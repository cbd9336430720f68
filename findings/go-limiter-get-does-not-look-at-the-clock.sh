#!/usr/bin/env bash
# github.com/sethvargo/go-limiter v0.7.1 (memorystore), Go 1.26.
#
# Guess: Get, "the current limit and remaining tokens", says what the next Take would find. A key that was never used
#        has all its tokens.
# Seen:  Get goes on saying 0 for a used-up key however many intervals have passed, as only Take moves the bucket on.
#        For a key without a Take it is 0 of 0. Who asks Get first and waits while nothing is left waits for ever.
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

	"github.com/sethvargo/go-limiter/memorystore"
)

func main() {
	ctx := context.Background()
	store, err := memorystore.New(&memorystore.Config{Tokens: 3, Interval: 2 * time.Second})
	if err != nil {
		panic(err)
	}
	get := func(when string) {
		tokens, remaining, err := store.Get(ctx, "key")
		fmt.Printf("%s: Get says %d of %d, error %v\n", when, remaining, tokens, err)
	}
	get("before the first Take")
	for ok := true; ok; _, _, _, ok, _ = store.Take(ctx, "key") {
	}
	get("used up")
	time.Sleep(7 * time.Second)
	get("three intervals later")
	_, remaining, _, ok, err := store.Take(ctx, "key")
	fmt.Printf("Take: %t, %d left, error %v\n", ok, remaining, err)
	get("after that Take")
}
END
GOWORK=off GOFLAGS=-mod=mod timeout 110 go build -p 1 -o finding . 2>err || { cat err; exit 1; }
timeout 30 ./finding | tee seen
diff seen - <<'END'
before the first Take: Get says 0 of 0, error <nil>
used up: Get says 0 of 3, error <nil>
three intervals later: Get says 0 of 3, error <nil>
Take: true, 2 left, error <nil>
after that Take: Get says 2 of 3, error <nil>
END
echo "as found: go-limiter v0.7.1"
