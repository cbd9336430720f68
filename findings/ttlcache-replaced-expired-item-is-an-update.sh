#!/usr/bin/env bash
# github.com/jellydator/ttlcache/v3 v3.4.1, Go 1.26.
#
# Guess: an item whose TTL has passed is gone: if its key is set again before the cache has cleaned up, that is an
#        insertion, and OnEviction hears of the expired one. An Item that Get has returned stays what it was.
# Seen:  GetOrSet says that the key was not there, but the cache writes the new value into the expired item: OnUpdate
#        is called, with the new value, and neither OnEviction nor OnInsertion. Whoever counts holders by them, or frees
#        what the old value stood for, misses the change. The Item in the hands of the old holder has the new value
#        and is no longer expired. In between lies the time until the cleanup, or any time if Start is not called.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat >go.mod <<'END'
module finding

go 1.26.0

require github.com/jellydator/ttlcache/v3 v3.4.1
END
cat >main.go <<'END'
package main

import (
	"context"
	"fmt"
	"time"

	"github.com/jellydator/ttlcache/v3"
)

func main() {
	for _, cleanup := range []bool{true, false} {
		cache := ttlcache.New(ttlcache.WithTTL[string, string](time.Second))
		events := make(chan string, 10)
		cache.OnInsertion(func(_ context.Context, item *ttlcache.Item[string, string]) { events <- "insertion of " + item.Value() })
		cache.OnUpdate(func(_ context.Context, item *ttlcache.Item[string, string]) { events <- "update to " + item.Value() })
		cache.OnEviction(func(_ context.Context, reason ttlcache.EvictionReason, item *ttlcache.Item[string, string]) {
			events <- "eviction of " + item.Value()
		})
		fmt.Println("expired items cleaned up before the next GetOrSet:", cleanup)
		mine, found := cache.GetOrSet("lock", "a")
		fmt.Println(" ", mine.Value(), "found", found, "-", <-events)
		time.Sleep(3 * time.Second)
		if cleanup {
			cache.DeleteExpired()
			fmt.Println("  -", <-events)
		}
		theirs, found := cache.GetOrSet("lock", "b")
		fmt.Println(" ", theirs.Value(), "found", found, "-", <-events)
		time.Sleep(200 * time.Millisecond)
		fmt.Println("  further events:", len(events), "- the first item is now", mine.Value(), "and expired", mine.IsExpired())
	}
}
END
GOWORK=off GOFLAGS=-mod=mod timeout 110 go build -o finding . 2>err || cat err
timeout 60 ./finding 2>&1 | tee seen
diff seen - <<'END'
expired items cleaned up before the next GetOrSet: true
  a found false - insertion of a
  - eviction of a
  b found false - insertion of b
  further events: 0 - the first item is now a and expired true
expired items cleaned up before the next GetOrSet: false
  a found false - insertion of a
  b found false - update to b
  further events: 0 - the first item is now b and expired false
END
echo "as found: ttlcache v3.4.1"
