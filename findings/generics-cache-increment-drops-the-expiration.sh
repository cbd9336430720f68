#!/usr/bin/env bash
# github.com/Code-Hex/go-generics-cache v1.5.1, Go 1.26.
#
# Guess: Increment of a counter that was set with an expiration changes the value and keeps the expiration, as with
#        Redis and most caches. One key more or less is nothing to the removal of others that have expired.
# Seen:  Increment sets the counter anew without an expiration: it never ends. From the time at which it would have
#        ended the janitor removes nothing any more, as it keeps the key with a zero time at the head of its queue
#        and stops there. Get does not find what has expired, but Contains, Len and Keys do, for good.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat >go.mod <<'END'
module finding

go 1.26.0

require github.com/Code-Hex/go-generics-cache v1.5.1
END
cat >main.go <<'END'
package main

import (
	"fmt"
	"time"

	cache "github.com/Code-Hex/go-generics-cache"
)

func main() {
	short := func() cache.ItemOption { return cache.WithExpiration(time.Second) }
	show := func(c *cache.NumberCache[string, int], key string) {
		value, found := c.Get(key)
		fmt.Printf("  %s: Get %d %v, Contains %v\n", key, value, found, c.Contains(key))
	}
	for _, increment := range []bool{false, true} {
		fmt.Println("with an Increment:", increment)
		c := cache.NewNumber(cache.WithJanitorInterval[string, int](100 * time.Millisecond))
		c.Set("attempts", 1, short())
		if increment {
			c.Increment("attempts", 1)
		}
		time.Sleep(3 * time.Second)
		show(c, "attempts")
		for _, key := range []string{"a", "b", "c"} {
			c.Set(key, 1, short())
		}
		time.Sleep(3 * time.Second)
		show(c, "a")
		fmt.Println("  Len:", c.Len())
	}
}
END
GOWORK=off GOFLAGS=-mod=mod go build -o program . 2>/dev/null
timeout 80 ./program 2>/dev/null | tee seen
diff seen - <<'END'
with an Increment: false
  attempts: Get 0 false, Contains false
  a: Get 0 false, Contains false
  Len: 0
with an Increment: true
  attempts: Get 2 true, Contains true
  a: Get 0 false, Contains true
  Len: 4
END
echo "as found: go-generics-cache v1.5.1"
