#!/usr/bin/env bash
# github.com/coocood/freecache v1.2.7, Go 1.26.
#
# Guess: an entry that is set for 2 seconds is there for 2 seconds at least, or a moment longer, if nothing puts it
#        out: a claim made with GetOrSet lasts as long as was asked for.
# Seen:  it ends at the end of the second after the one in which it was set: it lasts between 1 and 2 seconds, and one
#        that is set for 1 second ends after some milliseconds if it was set late in a second. The time of setting
#        is cut to whole seconds, and the entry ends when the clock's second is the one of its end.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat >go.mod <<'END'
module finding

go 1.26.0

require github.com/coocood/freecache v1.2.7
END
cat >main.go <<'END'
package main

import (
	"fmt"
	"time"

	"github.com/coocood/freecache"
)

func main() {
	cache := freecache.NewCache(1 << 20)
	for _, seconds := range []int{1, 2} {
		shortest := time.Hour
		for i := range 8 {
			key := fmt.Appendf(nil, "%d-%d", seconds, i)
			// Late in a second, which a loaded machine hits in some of the tries.
			time.Sleep(time.Until(time.Now().Truncate(time.Second).Add(1700 * time.Millisecond)))
			before := time.Now()
			if value, err := cache.GetOrSet(key, []byte("mine"), seconds); value != nil || err != nil {
				panic(err)
			}
			for {
				if _, err := cache.Get(key); err != nil {
					break
				}
				time.Sleep(10 * time.Millisecond)
			}
			shortest = min(shortest, time.Since(before))
		}
		fmt.Printf("set for %d s, the shortest: %v\n", seconds, shortest.Round(10*time.Millisecond))
		fmt.Printf("set for %d s, more than 0.3 s early: %v\n", seconds, shortest < time.Duration(seconds)*time.Second-300*time.Millisecond)
	}
}
END
GOWORK=off GOFLAGS=-mod=mod go build -o program . 2>/dev/null
timeout 80 ./program 2>/dev/null | tee all
grep early all >seen
diff seen - <<'END'
set for 1 s, more than 0.3 s early: true
set for 2 s, more than 0.3 s early: true
END
echo "as found: freecache v1.2.7"
