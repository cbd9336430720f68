#!/usr/bin/env bash
# github.com/muesli/cache2go v0.0.0-20221011235721-518229cd8021, Go 1.26.
#
# Guess: an item that Add puts into the table while an expired one of that key is on its way out stays for its own life
#        span: the table is locked, or the deletion takes the old item only.
# Seen:  the table is open while the callback of the deletion runs, and after it the deletion goes by the key. So the
#        new item goes with the old one: Add returned it, Exists found it, and with that nobody hears of its end, as the
#        callback had the old item. The same befalls a holder who reads the item with Value during the callback, which
#        "marks it to be kept alive". The slower the callback, the longer that time.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat >go.mod <<'END'
module finding

go 1.26.0

require github.com/muesli/cache2go v0.0.0-20221011235721-518229cd8021
END
cat >main.go <<'END'
package main

import (
	"fmt"
	"time"

	"github.com/muesli/cache2go"
)

func try(what string, during func(*cache2go.CacheTable)) {
	table := cache2go.Cache(what)
	begun, goOn, ended := make(chan string, 10), make(chan bool), make(chan bool)
	table.SetAboutToDeleteItemCallback(func(item *cache2go.CacheItem) {
		begun <- fmt.Sprint(item.Data())
		<-goOn // such as a log that is written to a remote place
		close(ended)
	})
	table.Add("lock", 2*time.Second, "a")
	fmt.Println(what, "while this is about to be deleted:", <-begun)
	during(table)
	time.Sleep(time.Second)
	before := table.Exists("lock")
	close(goOn)
	<-ended
	time.Sleep(time.Second)
	fmt.Println("  Exists before the end of the callback:", before, "- after it:", table.Exists("lock"), "- further deletions told:", len(begun))
}

func main() {
	try("Add", func(table *cache2go.CacheTable) {
		item := table.Add("lock", time.Hour, "b")
		fmt.Println("  added:", item.Data(), "for", item.LifeSpan())
	})
	try("Value", func(table *cache2go.CacheTable) {
		item, err := table.Value("lock")
		fmt.Println("  read and kept alive:", item.Data(), err)
	})
}
END
GOWORK=off GOFLAGS=-mod=mod timeout 110 go build -p 1 -o finding . 2>err || { cat err; exit 1; }
timeout 60 ./finding | tee seen
diff seen - <<'END'
Add while this is about to be deleted: a
  added: b for 1h0m0s
  Exists before the end of the callback: true - after it: false - further deletions told: 0
Value while this is about to be deleted: a
  read and kept alive: a <nil>
  Exists before the end of the callback: true - after it: false - further deletions told: 0
END
echo "as found: cache2go of 2022-10-11"
