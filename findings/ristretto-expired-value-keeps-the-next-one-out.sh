#!/usr/bin/env bash
# github.com/dgraph-io/ristretto/v2 v2.4.2, Go 1.26.
#
# Guess: with a ShouldUpdate that refuses to replace a value, SetWithTTL sets a key if it is free, and a key that has
#        expired is free: Get does not find it.
# Seen:  for up to 7.5 s after the TTL ShouldUpdate is asked about the expired value, and if it refuses, the next
#        holder does not get the key that Get says is free. SetWithTTL returns true all the same; only OnReject is
#        called. (Get looks at the time, the update does not; expired values leave in buckets of 5 s.)
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat >go.mod <<'END'
module finding

go 1.26.0

require github.com/dgraph-io/ristretto/v2 v2.4.2
END
cat >main.go <<'END'
package main

import (
	"fmt"
	"time"

	"github.com/dgraph-io/ristretto/v2"
)

func main() {
	rejected := make(chan string, 10)
	cache, err := ristretto.NewCache(&ristretto.Config[string, string]{
		NumCounters: 1000, MaxCost: 100, BufferItems: 64, IgnoreInternalCost: true,
		ShouldUpdate: func(cur, prev string) bool {
			fmt.Println("  ShouldUpdate is asked: may", cur, "replace", prev)
			return false
		},
		OnReject: func(item *ristretto.Item[string]) { rejected <- item.Value },
	})
	if err != nil {
		panic(err)
	}
	take := func(holder string, ttl time.Duration) {
		_, found := cache.Get("lock")
		fmt.Printf("%s: the lock is found: %t\n", holder, found)
		set := cache.SetWithTTL("lock", holder, 1, ttl)
		cache.Wait()
		value, found := cache.Get("lock")
		fmt.Printf("  SetWithTTL returns %t, then Get: %q %t, rejected so far: %d\n", set, value, found, len(rejected))
	}
	// Begin early in one of the 5 s of a bucket, so that b comes well before its end.
	time.Sleep(time.Until(time.Now().Truncate(5 * time.Second).Add(5 * time.Second)))
	take("a", 300*time.Millisecond)
	time.Sleep(time.Second)
	take("b", time.Minute)
	time.Sleep(15 * time.Second)
	take("c", time.Minute)
}
END
GOWORK=off GOFLAGS=-mod=mod timeout 110 go build -p 1 -o finding . 2>err || { cat err; exit 1; }
timeout 60 ./finding | tee seen
diff seen - <<'END'
a: the lock is found: false
  SetWithTTL returns true, then Get: "a" true, rejected so far: 0
b: the lock is found: false
  ShouldUpdate is asked: may b replace a
  SetWithTTL returns true, then Get: "" false, rejected so far: 1
c: the lock is found: false
  SetWithTTL returns true, then Get: "c" true, rejected so far: 1
END
echo "as found: ristretto v2.4.2"
