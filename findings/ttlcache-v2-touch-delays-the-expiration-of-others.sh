#!/usr/bin/env bash
# github.com/ReneKroon/ttlcache/v2 v2.11.0 and its successor github.com/jellydator/ttlcache/v3 v3.4.1, Go 1.26.
#
# Guess: Touch renews the one item. Others expire, and are reported as expired, at their own times, and a key that is
#        set again after its time is a new item.
# Seen:  in v2 Touch changes the time of the item without moving it in the queue of times. While it stands at the
#        head, no other item is removed or reported, however long it is over its time. Get does not find such an item;
#        if its key is then set again, the new item is removed with the old one, long before its time. In v3 the guess holds.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat >go.mod <<'END'
module finding

go 1.26.0

require (
	github.com/ReneKroon/ttlcache/v2 v2.11.0
	github.com/jellydator/ttlcache/v3 v3.4.1
)
END
cat >main.go <<'END'
package main

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	two "github.com/ReneKroon/ttlcache/v2"
	three "github.com/jellydator/ttlcache/v3"
)

func run(name string, set func(string, string, time.Duration), touch func(string), get func(string) bool, reported *atomic.Int32) {
	set("first", "1", 4*time.Second)
	time.Sleep(400 * time.Millisecond)
	set("second", "2", 4*time.Second)
	time.Sleep(2 * time.Second)
	touch("first") // renewed: four seconds from now, and second has about two
	deadline := time.Now().Add(4 * time.Second)
	time.Sleep(2800 * time.Millisecond)
	fmt.Println(name, "second found after its time:", get("second"), "reported:", reported.Load())
	set("second", "new", time.Hour)
	time.Sleep(time.Until(deadline) + 3*time.Second)
	fmt.Println(name, "new second with a TTL of an hour found:", get("second"), "reported:", reported.Load())
}

func main() {
	{
		var reported atomic.Int32
		c := two.NewCache()
		c.SkipTTLExtensionOnHit(true)
		c.SetExpirationCallback(func(string, any) { reported.Add(1) })
		run("v2", func(k, v string, ttl time.Duration) { c.SetWithTTL(k, v, ttl) },
			func(k string) { c.Touch(k) },
			func(k string) bool { _, err := c.Get(k); return err == nil }, &reported)
		c.Close()
	}
	var reported atomic.Int32
	c := three.New(three.WithDisableTouchOnHit[string, string]())
	c.OnEviction(func(context.Context, three.EvictionReason, *three.Item[string, string]) { reported.Add(1) })
	go c.Start()
	run("v3", func(k, v string, ttl time.Duration) { c.Set(k, v, ttl) },
		func(k string) { c.Touch(k) },
		func(k string) bool { return c.Get(k) != nil }, &reported)
	c.Stop()
}
END
GOWORK=off GOFLAGS=-mod=mod go build -o program . 2>/dev/null
timeout 80 ./program 2>/dev/null | tee seen
diff seen - <<'END'
v2 second found after its time: false reported: 0
v2 new second with a TTL of an hour found: false reported: 2
v3 second found after its time: false reported: 1
v3 new second with a TTL of an hour found: true reported: 2
END
echo "as found: ttlcache v2.11.0 and v3.4.1"
