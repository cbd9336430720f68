#!/usr/bin/env bash
# github.com/hashicorp/golang-lru/v2 v2.0.7 (package expirable), Go 1.26.
#
# Guess: once an entry has expired, no method finds it, and Values gives the values that are left, as its comment says.
# Seen:  for up to two hundredths of the TTL more, over a minute for an hour, Contains says that the key is there,
#        and Keys and Len count it, while Get and Peek do not find it. Values has an empty value in place of each
#        expired one, at the end: the list of holders ends with "". (Only Get, Peek and Values look at the time, the
#        rest is deleted by bucket, and Values returns the slice in its full length.)
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat >go.mod <<'END'
module finding

go 1.26.0

require github.com/hashicorp/golang-lru/v2 v2.0.7
END
cat >main.go <<'END'
package main

import (
	"fmt"
	"time"

	"github.com/hashicorp/golang-lru/v2/expirable"
)

func main() {
	const ttl = 15 * time.Second
	cache := expirable.NewLRU[string, string](10, nil, ttl)
	seen := ""
	for attempt := 0; attempt < 3; attempt++ {
		cache.Add("lock", "holder a")
		time.Sleep(ttl / 2)
		cache.Add("other", "holder b")
		for found := true; found; _, found = cache.Get("lock") {
			time.Sleep(time.Millisecond)
		}
		_, peek := cache.Peek("lock")
		seen = fmt.Sprintf("Get: false, Peek: %t, Contains: %t, Len: %d, Keys: %q, Values: %q",
			peek, cache.Contains("lock"), cache.Len(), cache.Keys(), cache.Values())
		if cache.Contains("lock") {
			break
		}
	}
	fmt.Println("just after:", seen)
	time.Sleep(ttl / 10)
	fmt.Printf("later: Contains: %t, Len: %d, Keys: %q, Values: %q\n", cache.Contains("lock"), cache.Len(), cache.Keys(), cache.Values())
}
END
GOWORK=off GOFLAGS=-mod=mod timeout 85 go run . 2>/dev/null | tee seen
diff seen - <<'END'
just after: Get: false, Peek: false, Contains: true, Len: 2, Keys: ["other" "lock"], Values: ["holder b" ""]
later: Contains: false, Len: 1, Keys: ["other"], Values: ["holder b"]
END
echo "as found: golang-lru v2.0.7"
