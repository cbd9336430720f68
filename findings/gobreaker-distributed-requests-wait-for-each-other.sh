#!/usr/bin/env bash
# github.com/sony/gobreaker/v2 v2.4.0, Go 1.26.
#
# Guess: the lock of a DistributedCircuitBreaker's store is held while its state is read and written, and requests run
#        side by side, as with the plain CircuitBreaker.
# Seen:  Execute holds the lock while the request runs: of all processes that share the breaker, one sends a request at
#        a time. One that waits tries the lock every 500 ms, and after five seconds fails with the error of the lock
#        without having sent its request, though the breaker is closed and nothing has failed. State waits as well.
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

// store is a store in memory with a lock that one holds at a time.
type store struct{ data, locks sync.Map }

func (s *store) Lock(name string) error {
	if _, taken := s.locks.LoadOrStore(name, true); taken {
		return errors.New("the lock is taken")
	}
	return nil
}

func (s *store) Unlock(name string) error { s.locks.Delete(name); return nil }

func (s *store) GetData(name string) ([]byte, error) {
	data, _ := s.data.Load(name)
	bytes, _ := data.([]byte)
	return bytes, nil
}

func (s *store) SetData(name string, data []byte) error { s.data.Store(name, data); return nil }

type breaker interface {
	Execute(func() (int, error)) (int, error)
}

// try says whether a second request ran while the first, of the given length, was at work.
func try(name string, first, second breaker, length time.Duration) {
	begun, atWork, ended := make(chan struct{}), true, make(chan struct{})
	var mu sync.Mutex
	go func() {
		defer close(ended)
		first.Execute(func() (int, error) {
			close(begun)
			time.Sleep(length)
			mu.Lock()
			atWork = false
			mu.Unlock()
			return 0, nil
		})
	}()
	<-begun
	beside, ran := false, false
	_, err := second.Execute(func() (int, error) {
		mu.Lock()
		beside, ran = atWork, true
		mu.Unlock()
		return 0, nil
	})
	fmt.Printf("%s, first request of %v: the second ran %v, beside the first %v, error %v\n", name, length, ran, beside, err)
	<-ended
}

func main() {
	settings := gobreaker.Settings{Name: "db"}
	plain := gobreaker.NewCircuitBreaker[int](settings)
	try("plain", plain, plain, 2*time.Second)
	shared := &store{}
	member := func() breaker {
		b, err := gobreaker.NewDistributedCircuitBreaker[int](shared, settings)
		if err != nil {
			panic(err)
		}
		return b
	}
	one, other := member(), member()
	try("distributed", one, other, 2*time.Second)
	try("distributed", one, other, 15*time.Second)
}
END
GOWORK=off GOFLAGS=-mod=mod timeout 110 go build -o finding . 2>/dev/null
timeout 60 ./finding 2>/dev/null | tee seen
diff seen - <<'END'
plain, first request of 2s: the second ran true, beside the first true, error <nil>
distributed, first request of 2s: the second ran true, beside the first false, error <nil>
distributed, first request of 15s: the second ran false, beside the first false, error the lock is taken
END
echo "as found: gobreaker v2.4.0"
