#!/usr/bin/env bash
# github.com/alexflint/go-filemutex v1.3.0, Go 1.26, Linux.
#
# Guess: a FileMutex keeps goroutines of one process apart too: it "is similar to sync.RWMutex, but also synchronizes
#        across processes".
# Seen:  goroutines that share one FileMutex all get the lock, as flock is granted again on the descriptor that has it.
#        An RLock of one turns the lock of another into a shared one, and others may read while it writes. The first
#        Unlock or RUnlock gives up the lock of all, and one without a lock is no error.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat >go.mod <<'END'
module finding

go 1.26.0

require github.com/alexflint/go-filemutex v1.3.0
END
cat >main.go <<'END'
package main

import (
	"fmt"
	"sync"
	"time"

	"github.com/alexflint/go-filemutex"
)

func open() *filemutex.FileMutex {
	m, err := filemutex.New("lock")
	if err != nil {
		panic(err)
	}
	return m
}

func most(mutexes ...*filemutex.FileMutex) int {
	var mu sync.Mutex
	var group sync.WaitGroup
	n, most := 0, 0
	for _, m := range mutexes {
		group.Go(func() {
			if err := m.Lock(); err != nil {
				panic(err)
			}
			mu.Lock()
			n++
			most = max(most, n)
			mu.Unlock()
			time.Sleep(time.Second)
			mu.Lock()
			n--
			mu.Unlock()
			if err := m.Unlock(); err != nil {
				panic(err)
			}
		})
	}
	group.Wait()
	return most
}

func main() {
	shared, other := open(), open()
	fmt.Println("two goroutines, a FileMutex each: more than one has the lock at once:", most(shared, other) > 1)
	fmt.Println("two goroutines, one FileMutex: more than one has the lock at once:", most(shared, shared) > 1)
	fmt.Println("Lock", shared.Lock(), "- another FileMutex:", other.TryLock())
	fmt.Println("RLock by another goroutine", shared.RLock(), "- another FileMutex reads:", other.RLock())
	fmt.Println("its RUnlock", shared.RUnlock(), "- another FileMutex writes:", other.TryLock())
	fmt.Println("Unlock of the first:", shared.Unlock())
}
END
GOWORK=off GOFLAGS=-mod=mod timeout 110 go build -o finding . 2>/dev/null
timeout 60 ./finding 2>/dev/null | tee seen
diff seen - <<'END'
two goroutines, a FileMutex each: more than one has the lock at once: false
two goroutines, one FileMutex: more than one has the lock at once: true
Lock <nil> - another FileMutex: lock already acquired
RLock by another goroutine <nil> - another FileMutex reads: <nil>
its RUnlock <nil> - another FileMutex writes: <nil>
Unlock of the first: <nil>
END
echo "as found: go-filemutex v1.3.0"
