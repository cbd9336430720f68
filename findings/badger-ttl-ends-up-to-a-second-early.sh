#!/usr/bin/env bash
# github.com/dgraph-io/badger/v4 v4.9.6, Go 1.26.
#
# Guess: a key with a TTL is there until the TTL has elapsed, as the documentation says, and a read transaction that
#        has read it reads it again: it is a snapshot.
# Seen:  the end is cut to the whole second before: a key with a TTL of one second lasts for any time up to a second,
#        here for half of one, so a lock is free while its holder still counts on it. And a key expires within a
#        transaction, between two reads. (ExpiresAt is in seconds of the Unix epoch, and each read compares it with
#        the clock.)
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat >go.mod <<'END'
module finding

go 1.26.0

require github.com/dgraph-io/badger/v4 v4.9.6
END
cat >main.go <<'END'
package main

import (
	"fmt"
	"time"

	"github.com/dgraph-io/badger/v4"
)

func main() {
	db, err := badger.Open(badger.DefaultOptions("").WithInMemory(true).WithLogger(nil))
	if err != nil {
		panic(err)
	}
	defer db.Close()
	lock := []byte("lock")
	hold := func(ttl time.Duration) error {
		return db.Update(func(tx *badger.Txn) error { return tx.SetEntry(badger.NewEntry(lock, nil).WithTTL(ttl)) })
	}
	read := func(tx *badger.Txn) error { _, err := tx.Get(lock); return err }
	early := false
	for attempt := 0; attempt < 8 && !early; attempt++ {
		half := time.Now().Truncate(time.Second).Add(1500 * time.Millisecond)
		time.Sleep(time.Until(half))
		begin := time.Now()
		if err := hold(time.Second); err != nil {
			panic(err)
		}
		for db.View(read) == nil {
			time.Sleep(5 * time.Millisecond)
		}
		early = time.Since(begin) < 900*time.Millisecond
	}
	fmt.Println("a TTL of 1 s has ended before 0.9 s:", early)
	if err := hold(3 * time.Second); err != nil {
		panic(err)
	}
	_ = db.View(func(tx *badger.Txn) error {
		first := read(tx)
		time.Sleep(4 * time.Second)
		fmt.Printf("two reads in one transaction: %v, %v\n", first, read(tx))
		return nil
	})
}
END
GOWORK=off GOFLAGS=-mod=mod timeout 80 go run . 2>/dev/null | tee seen
diff seen - <<'END'
a TTL of 1 s has ended before 0.9 s: true
two reads in one transaction: <nil>, Key not found
END
echo "as found: badger v4.9.6"
