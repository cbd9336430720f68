#!/usr/bin/env bash
# github.com/sony/gobreaker/v2 v2.4.0, Go 1.26.
#
# Guess: when a failure in one process opens a DistributedCircuitBreaker, the others send no more requests until its
#        Timeout has passed, and of failures at about the same time each counts. That is what the store's lock is for.
# Seen:  Execute reads the shared state, then waits for the lock, and puts the state that it has read over the one in
#        the store. Whoever waited sends its request through the open breaker, and closes it for all if that one
#        succeeds. Of ten failures that waited for each other one is counted, so that the breaker never opens.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat >go.mod <<'END'
module finding

go 1.26.0

require github.com/sony/gobreaker/v2 v2.4.0
END
cat >main.go <<'END'
package main

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/sony/gobreaker/v2"
)

// store is a store in memory with a lock that one holds at a time. Lock waits, as most do.
type store struct {
	data sync.Map
	lock sync.Mutex
}

func (s *store) Lock(string) error { s.lock.Lock(); return nil }

func (s *store) Unlock(string) error { s.lock.Unlock(); return nil }

func (s *store) GetData(name string) ([]byte, error) {
	data, _ := s.data.Load(name)
	bytes, _ := data.([]byte)
	return bytes, nil
}

func (s *store) SetData(name string, data []byte) error { s.data.Store(name, data); return nil }

func try(failures uint32, name string, results ...error) {
	shared := &store{}
	member := func() *gobreaker.DistributedCircuitBreaker[int] {
		b, err := gobreaker.NewDistributedCircuitBreaker[int](shared, gobreaker.Settings{Name: "db", Timeout: time.Hour,
			ReadyToTrip: func(counts gobreaker.Counts) bool { return counts.TotalFailures >= failures }})
		if err != nil {
			panic(err)
		}
		return b
	}
	members := []*gobreaker.DistributedCircuitBreaker[int]{}
	for range results {
		members = append(members, member())
	}
	var group sync.WaitGroup
	begun, sent := make(chan struct{}), make(chan bool, len(results))
	group.Go(func() {
		members[0].Execute(func() (int, error) {
			close(begun)
			time.Sleep(3 * time.Second) // the others come meanwhile
			sent <- true
			return 0, results[0]
		})
	})
	<-begun
	for i, b := range members[1:] {
		group.Go(func() {
			b.Execute(func() (int, error) {
				sent <- true
				return 0, results[i+1]
			})
		})
	}
	group.Wait()
	state, err := member().State()
	fmt.Printf("%s: requests sent %d, the breaker is %v %v\n", name, len(sent), state, err)
}

func main() {
	down := errors.New("down")
	try(1, "one failure is to open it, one request comes meanwhile and succeeds", down, nil)
	try(5, "five failures are to open it, ten come", down, down, down, down, down, down, down, down, down, down)
}
END
GOWORK=off GOFLAGS=-mod=mod timeout 110 go build -o finding . 2>err || cat err
timeout 60 ./finding 2>&1 | tee seen
diff seen - <<'END'
one failure is to open it, one request comes meanwhile and succeeds: requests sent 2, the breaker is closed <nil>
five failures are to open it, ten come: requests sent 10, the breaker is closed <nil>
END
echo "as found: gobreaker v2.4.0"
