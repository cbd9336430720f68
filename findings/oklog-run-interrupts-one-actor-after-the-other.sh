#!/usr/bin/env bash
# github.com/oklog/run v1.2.0, Go 1.26.
#
# Guess: "the first actor (function) to return interrupts all running actors": if the actor that keeps a lease returns,
#        the workers hear of it at once. With the order of defer the last one added would be the first.
# Seen:  the interrupt functions are called one by one, in the order in which the actors were added, and each is waited
#        for. One that drains, such as the Shutdown of an HTTP server with a time limit, holds up those behind it: a
#        worker added after it goes on without the lease for as long. An interrupt should only signal.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat >go.mod <<'END'
module finding

go 1.26.0

require github.com/oklog/run v1.2.0
END
cat >main.go <<'END'
package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/oklog/run"
)

func main() {
	arrived := make(chan struct{})
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		close(arrived)
		<-r.Context().Done() // a request that is not finished by itself
	})}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	go http.Get("http://" + listener.Addr().String())

	var g run.Group
	var lost time.Time
	worker := func(name string) {
		stop := make(chan struct{})
		g.Add(func() error {
			<-stop
			fmt.Printf("%s works on for more than 2 s without the lease: %t\n", name, time.Since(lost) > 2*time.Second)
			return nil
		}, func(error) { close(stop) })
	}
	worker("the worker added before the server")
	g.Add(func() error { return server.Serve(listener) }, func(error) {
		ctx, cancel := context.WithTimeout(context.Background(), 6*time.Second)
		defer cancel()
		server.Shutdown(ctx)
		server.Close()
	})
	worker("the worker added after the server")
	g.Add(func() error {
		<-arrived
		lost = time.Now()
		return errors.New("lease lost")
	}, func(error) {})
	fmt.Println("Run:", g.Run())
}
END
GOWORK=off GOFLAGS=-mod=mod timeout 110 go build -p 1 -o finding . 2>err || { cat err; exit 1; }
timeout 60 ./finding 2>/dev/null | tee seen
diff seen - <<'END'
the worker added before the server works on for more than 2 s without the lease: false
the worker added after the server works on for more than 2 s without the lease: true
Run: lease lost
END
echo "as found: oklog/run v1.2.0"
