#!/usr/bin/env bash
# github.com/bluele/gcache v0.0.2, Go 1.26.
#
# Guess: a key whose time has passed is free: Set stores a value there that stays. Set over a value that still has time
#        left makes it permanent.
# Seen:  Set writes its value into the old item and leaves the item's time alone. Over an expired value, however long
#        ago, Set returns no error and the next Get finds nothing; over a live one the new value ends with the old one.
#        So in all four kinds of cache, unless the cache has an Expiration for all. Only a Get that finds nothing
#        removes what has expired: Has says that the key is free, and the Set after it is lost.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat >go.mod <<'END'
module finding

go 1.26.0

require github.com/bluele/gcache v0.0.2
END
cat >main.go <<'END'
package main

import (
	"fmt"
	"time"

	"github.com/bluele/gcache"
)

func main() {
	kinds := []struct {
		name  string
		cache gcache.Cache
	}{
		{"simple", gcache.New(20).Simple().Build()},
		{"lru", gcache.New(20).LRU().Build()},
		{"lfu", gcache.New(20).LFU().Build()},
		{"arc", gcache.New(20).ARC().Build()},
	}
	for _, k := range kinds {
		k.cache.SetWithExpire("expired", "a", time.Second)
		k.cache.SetWithExpire("asked", "a", time.Second)
		k.cache.SetWithExpire("live", "a", 8*time.Second)
		k.cache.Set("live", "b")
	}
	time.Sleep(3 * time.Second)
	for _, k := range kinds {
		c := k.cache
		has := c.Has("expired")
		err := c.Set("expired", "b")
		_, missing := c.Get("expired")
		fmt.Printf("%s: Has %t, Set %v, Get %v", k.name, has, err, missing)
		_, missing = c.Get("asked")
		err = c.Set("asked", "b")
		value, _ := c.Get("asked")
		fmt.Printf("; with a Get first: Get %v, Set %v, Get %v\n", missing, err, value)
	}
	time.Sleep(9 * time.Second)
	for _, k := range kinds {
		_, missing := k.cache.Get("live")
		fmt.Printf("%s: a value set over a live one, after that one's time: %v\n", k.name, missing)
	}
}
END
GOWORK=off GOFLAGS=-mod=mod timeout 110 go build -p 1 -o finding . 2>err || { cat err; exit 1; }
timeout 60 ./finding | tee seen
diff seen - <<'END'
simple: Has false, Set <nil>, Get Key not found.; with a Get first: Get Key not found., Set <nil>, Get b
lru: Has false, Set <nil>, Get Key not found.; with a Get first: Get Key not found., Set <nil>, Get b
lfu: Has false, Set <nil>, Get Key not found.; with a Get first: Get Key not found., Set <nil>, Get b
arc: Has false, Set <nil>, Get Key not found.; with a Get first: Get Key not found., Set <nil>, Get b
simple: a value set over a live one, after that one's time: Key not found.
lru: a value set over a live one, after that one's time: Key not found.
lfu: a value set over a live one, after that one's time: Key not found.
arc: a value set over a live one, after that one's time: Key not found.
END
echo "as found: gcache v0.0.2"
