#!/usr/bin/env bash
# github.com/bradfitz/gomemcache v0.0.0-20260422231931-4d751bb6e37c with memcached of Debian 12 (1.6.18), Go 1.26.
#
# Guess: a holder that reads its key, changes the value and writes it with CompareAndSwap leaves the TTL as it is: "all
#        other item fields may differ", and it has changed the value alone.
# Seen:  the key has no TTL any more, and outlives its holder. Get leaves Expiration at 0, as memcached does not send
#        it, and CompareAndSwap writes the 0, which means "no expiration". Append and Increment keep the TTL. Whoever
#        uses CompareAndSwap has to set Expiration every time.
set -euo pipefail
command -v memcached >/dev/null || { echo "install the Debian package memcached" >&2; exit 1; }
dir=$(mktemp -d)
trap '[ -z "${server:-}" ] || kill "$server" 2>/dev/null; rm -rf "$dir"' EXIT
cd "$dir"
memcached -u "$(id -un)" -s "$dir/memcached.sock" >/dev/null 2>&1 & server=$!
until [ -S "$dir/memcached.sock" ]; do sleep 0.1; done
cat >go.mod <<'END'
module finding

go 1.26.0

require github.com/bradfitz/gomemcache v0.0.0-20260422231931-4d751bb6e37c
END
cat >main.go <<'END'
package main

import (
	"fmt"
	"os"
	"time"

	"github.com/bradfitz/gomemcache/memcache"
)

func must(err error) {
	if err != nil {
		panic(err)
	}
}

func main() {
	client := memcache.New(os.Args[1])
	client.Timeout = 10 * time.Second
	names := []string{"left alone", "CompareAndSwap", "CompareAndSwap with Expiration", "Increment", "Append"}
	for i, name := range names {
		key := fmt.Sprint("lease", i)
		must(client.Add(&memcache.Item{Key: key, Value: []byte("1"), Expiration: 8}))
		item, err := client.Get(key)
		must(err)
		switch name {
		case "CompareAndSwap":
			item.Value = []byte("2")
			must(client.CompareAndSwap(item))
		case "CompareAndSwap with Expiration":
			item.Expiration = 8
			must(client.CompareAndSwap(item))
		case "Increment":
			_, err := client.Increment(key, 1)
			must(err)
		case "Append":
			must(client.Append(&memcache.Item{Key: key, Value: []byte("0")}))
		}
	}
	time.Sleep(15 * time.Second)
	for i, name := range names {
		_, err := client.Get(fmt.Sprint("lease", i))
		fmt.Printf("TTL of 8 s, %s: gone after 15 s: %v\n", name, err == memcache.ErrCacheMiss)
	}
}
END
GOWORK=off GOFLAGS=-mod=mod timeout 110 go build -o finding . 2>/dev/null
timeout 60 ./finding "$dir/memcached.sock" 2>/dev/null | tee seen
diff seen - <<'END'
TTL of 8 s, left alone: gone after 15 s: true
TTL of 8 s, CompareAndSwap: gone after 15 s: false
TTL of 8 s, CompareAndSwap with Expiration: gone after 15 s: true
TTL of 8 s, Increment: gone after 15 s: true
TTL of 8 s, Append: gone after 15 s: true
END
echo "as found: gomemcache 4d751bb6e37c, memcached 1.6.18"
