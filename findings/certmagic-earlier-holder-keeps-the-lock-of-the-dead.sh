#!/usr/bin/env bash
# github.com/caddyserver/certmagic v0.25.6 (FileStorage), Go 1.26.
#
# Guess: the lock of a holder that was killed is free after ten seconds: a lock file is kept fresh "while a lock is
#        actively held", and one whose time stamp is older than that "is deleted, essentially forcing an unlock".
# Seen:  not if another process held the lock up to five seconds before: that one keeps the dead holder's file fresh
#        for as long as it runs, and everybody waits. The goroutine that keeps a file fresh looks every five seconds
#        whether the file is there, not whose it is, so it goes on with the file of the next holder.
set -euo pipefail
dir=$(mktemp -d)
earlier='' holder=''
trap 'for p in $earlier $holder; do kill -9 "$p" 2>/dev/null || true; done; rm -rf "$dir"' EXIT
cd "$dir"
cat >go.mod <<'END'
module finding

go 1.26.0

require github.com/caddyserver/certmagic v0.25.6
END
cat >main.go <<'END'
package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"time"

	"github.com/caddyserver/certmagic"
)

func main() {
	storage := &certmagic.FileStorage{Path: os.Args[2]}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	if os.Args[1] == "holder" {
		cancel()
		ctx, cancel = context.WithTimeout(context.Background(), time.Minute)
	}
	defer cancel()
	fmt.Println("waits")
	err := storage.Lock(ctx, os.Args[3])
	if os.Args[1] == "waiter" { // says whether it got the lock in time
		fmt.Println("free within 30 s:", err == nil)
		return
	}
	if err != nil {
		panic(err)
	}
	fmt.Println("holds")
	if os.Args[1] == "earlier" { // gives the lock to a holder that waits, right after a renewal, and does other work
		var waits []byte
		for !bytes.Contains(waits, []byte("waits")) {
			time.Sleep(100 * time.Millisecond)
			waits, _ = os.ReadFile("holder-" + os.Args[3])
		}
		first, _ := storage.Stat(ctx, "locks/"+os.Args[3]+".lock")
		for now := first; now.Modified.Equal(first.Modified); now, _ = storage.Stat(ctx, "locks/"+os.Args[3]+".lock") {
			time.Sleep(50 * time.Millisecond)
		}
		if err := storage.Unlock(ctx, os.Args[3]); err != nil {
			panic(err)
		}
	}
	time.Sleep(3 * time.Minute)
}
END
GOWORK=off GOFLAGS=-mod=mod timeout 300 go build -o finding . 2>err || cat err
await() { for _ in $(seq 600); do ! grep -qs "$1" "$2" || return 0; sleep 0.1; done; echo "$2: never $1" >&2; exit 1; }
killed_holder() { # of the lock $1
  ./finding holder "$dir/storage" "$1" >"holder-$1" 2>&1 & holder=$!
  await holds "holder-$1"
  kill -9 "$holder"; wait "$holder" 2>/dev/null || true; holder=''
}
waiter() { ./finding waiter "$dir/storage" "$1" 2>/dev/null | tail -n 1; }
killed_holder first
waiter first >free-first & waiter=$!
./finding earlier "$dir/storage" second >earlier-second 2>&1 & earlier=$!
await holds earlier-second
killed_holder second
{
  echo "holder killed, the one before it at other work: $(waiter second)"
  kill -9 "$earlier"; wait "$earlier" 2>/dev/null || true; earlier=''
  echo "the one before it has ended as well: $(waiter second)"
  wait "$waiter"
  echo "holder killed, nobody before it: $(cat free-first)"
} >seen
cat seen
diff seen - <<'END'
holder killed, the one before it at other work: free within 30 s: false
the one before it has ended as well: free within 30 s: true
holder killed, nobody before it: free within 30 s: true
END
echo "as found: certmagic v0.25.6"
