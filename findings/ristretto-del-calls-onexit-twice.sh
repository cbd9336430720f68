#!/usr/bin/env bash
# github.com/dgraph-io/ristretto/v2 v2.4.2, Go 1.26.
#
# Guess: OnExit, "called whenever a value is removed from cache", is called once for each value that leaves it, however
#        it leaves it. Del of a key that is not there calls nothing.
# Seen:  a value that expires or is replaced has one call. Del makes two: one with the value, and one with the zero
#        value, as it deletes at once and again in the queue behind earlier writes, and looks at neither result. Del of
#        a key that is not there makes two calls with the zero value. Who gives numbers of slots back in OnExit frees
#        slot 0, which somebody holds, and who counts holders there counts too many.
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
	"sync"
	"time"

	"github.com/dgraph-io/ristretto/v2"
)

func main() {
	var mu sync.Mutex
	exits := []int{}
	cache, err := ristretto.NewCache(&ristretto.Config[string, int]{
		NumCounters: 1000, MaxCost: 100, BufferItems: 64, IgnoreInternalCost: true,
		OnExit: func(slot int) { mu.Lock(); exits = append(exits, slot); mu.Unlock() },
	})
	if err != nil {
		panic(err)
	}
	tell := func(what string) {
		cache.Wait()
		mu.Lock()
		fmt.Println(what+": OnExit is called with", exits)
		exits = []int{}
		mu.Unlock()
	}
	cache.Set("holder of slot 0", 0, 1)
	cache.SetWithTTL("expires", 4, 1, time.Second)
	cache.Set("replaced", 5, 1)
	cache.Set("deleted", 7, 1)
	tell("four slots taken")
	cache.Set("replaced", 6, 1)
	tell("5 replaced by 6")
	cache.Del("deleted")
	tell("Del of 7")
	cache.Del("nobody")
	tell("Del of a key that is not there")
	time.Sleep(15 * time.Second)
	tell("4 expired")
	slot, found := cache.Get("holder of slot 0")
	fmt.Println("slot 0 is still held:", slot, found)
}
END
GOWORK=off GOFLAGS=-mod=mod timeout 110 go build -p 1 -o finding . 2>err || { cat err; exit 1; }
timeout 60 ./finding | tee seen
diff seen - <<'END'
four slots taken: OnExit is called with []
5 replaced by 6: OnExit is called with [5]
Del of 7: OnExit is called with [7 0]
Del of a key that is not there: OnExit is called with [0 0]
4 expired: OnExit is called with [4]
slot 0 is still held: 0 true
END
echo "as found: ristretto v2.4.2"
