#!/usr/bin/env bash
# github.com/tidwall/buntdb v1.3.0, Go 1.26.
#
# Guess: a key whose TTL has ended is gone for every read, since Get and TTL do not find it.
# Seen:  for up to a second Ascend, an index and Len still have it: in one transaction the list of holders has a
#        lock that Get says is free. After the file has been opened again, a TTL ends at the whole second before. (Only
#        Get, TTL and Set look at the time of expiry, a goroutine deletes once a second, and the file has whole
#        seconds.)
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat >go.mod <<'END'
module finding

go 1.26.0

require github.com/tidwall/buntdb v1.3.0
END
cat >main.go <<'END'
package main

import (
	"fmt"
	"time"

	"github.com/tidwall/buntdb"
)

func check(err error) {
	if err != nil {
		panic(err)
	}
}

func hold(db *buntdb.DB, key string, ttl time.Duration) {
	check(db.Update(func(tx *buntdb.Tx) error {
		_, _, err := tx.Set(key, "a", &buntdb.SetOptions{Expires: true, TTL: ttl})
		return err
	}))
}

func look(db *buntdb.DB) (seen string) {
	check(db.View(func(tx *buntdb.Tx) error {
		_, err := tx.Get("lock")
		var listed, indexed []string
		check(tx.AscendKeys("*", func(key, _ string) bool { listed = append(listed, key); return true }))
		check(tx.Ascend("holders", func(key, _ string) bool { indexed = append(indexed, key); return true }))
		count, _ := tx.Len()
		seen = fmt.Sprintf("Get: %v, listed: %v, in the index: %v, Len: %d", err, listed, indexed, count)
		return nil
	}))
	return seen
}

func main() {
	db, err := buntdb.Open("locks.db")
	check(err)
	check(db.CreateIndex("holders", "*", buntdb.IndexString))
	const gone = "Get: not found, listed: [], in the index: [], Len: 0"
	seen := gone
	for attempt := 0; attempt < 20 && seen == gone; attempt++ {
		hold(db, "lock", 100*time.Millisecond)
		time.Sleep(150 * time.Millisecond)
		seen = look(db)
	}
	fmt.Println("soon after:", seen)
	time.Sleep(4 * time.Second)
	fmt.Println("later:     ", look(db))
	early := false
	for attempt := 0; attempt < 8 && !early; attempt++ {
		time.Sleep(time.Until(time.Now().Truncate(time.Second).Add(1900 * time.Millisecond)))
		begin := time.Now()
		hold(db, "lock", 2*time.Second)
		check(db.Close())
		db, err = buntdb.Open("locks.db")
		check(err)
		for err == nil {
			err = db.View(func(tx *buntdb.Tx) error { _, err := tx.Get("lock"); return err })
			time.Sleep(5 * time.Millisecond)
		}
		early = time.Since(begin) < 1800*time.Millisecond
	}
	fmt.Println("after opening the file again a TTL of 2 s has ended before 1.8 s:", early)
	check(db.Close())
}
END
GOWORK=off GOFLAGS=-mod=mod timeout 80 go run . 2>/dev/null | tee seen
diff seen - <<'END'
soon after: Get: not found, listed: [lock], in the index: [lock], Len: 1
later:      Get: not found, listed: [], in the index: [], Len: 0
after opening the file again a TTL of 2 s has ended before 1.8 s: true
END
echo "as found: buntdb v1.3.0"
