#!/usr/bin/env bash
# github.com/afex/hystrix-go v0.0.0-20180502004556-fa1af6a1f4f5, Go 1.26.
#
# Guess: MaxConcurrentRequests is how many functions of a command are at work at once, whatever has become of those
#        that wait for them. ConfigureCommand with another number has effect on the next call, as its timeout has.
# Seen:  a call that times out, or whose context ends, gives up its place while its function works on: with a
#        maximum of 1 several are at work at once. The number of places is that of the first call of the command: a
#        later ConfigureCommand changes all settings but this one, until Flush.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat >go.mod <<'END'
module finding

go 1.26.0

require github.com/afex/hystrix-go v0.0.0-20180502004556-fa1af6a1f4f5
END
cat >main.go <<'END'
package main

import (
	"context"
	"fmt"
	"time"

	"github.com/afex/hystrix-go/hystrix"
)

func main() {
	settings := hystrix.CommandConfig{Timeout: 500, MaxConcurrentRequests: 1, RequestVolumeThreshold: 1000}
	hystrix.ConfigureCommand("one", settings)
	var started int
	end := make(chan bool)
	hold := func(context.Context) error { started++; <-end; return nil }

	first := make(chan error, 1)
	go func() { first <- hystrix.DoC(context.Background(), "one", hold, nil) }()
	time.Sleep(100 * time.Millisecond)
	fmt.Println("second call beside the first:", hystrix.DoC(context.Background(), "one", hold, nil))
	fmt.Println("first call:", <-first)
	for range 2 {
		fmt.Println("call after that:", hystrix.DoC(context.Background(), "one", hold, nil))
	}
	fmt.Println("functions at work at once:", started)
	close(end)

	settings.MaxConcurrentRequests, settings.Timeout = 2, 3000
	hystrix.ConfigureCommand("one", settings)
	both := func() (errs []error) {
		answers := make(chan error, 2)
		for range 2 {
			go func() {
				answers <- hystrix.DoC(context.Background(), "one", func(context.Context) error {
					time.Sleep(time.Second) // twice the old timeout
					return nil
				}, nil)
			}()
		}
		a, b := <-answers, <-answers
		return []error{a, b}
	}
	fmt.Println("configured for two of three seconds:", both())
	hystrix.Flush()
	fmt.Println("after Flush:", both())
}
END
GOWORK=off GOFLAGS=-mod=mod go build -o program . 2>/dev/null
timeout 80 ./program 2>/dev/null | tee seen
diff seen - <<'END'
second call beside the first: hystrix: max concurrency
first call: hystrix: timeout
call after that: hystrix: timeout
call after that: hystrix: timeout
functions at work at once: 3
configured for two of three seconds: [hystrix: max concurrency <nil>]
after Flush: [<nil> <nil>]
END
echo "as found: hystrix-go fa1af6a1f4f5"
