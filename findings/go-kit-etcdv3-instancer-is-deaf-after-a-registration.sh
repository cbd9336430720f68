#!/usr/bin/env bash
# github.com/go-kit/kit v0.13.0 (sd/etcdv3), go.etcd.io/etcd/client/v3 v3.7.3, etcd 3.4.23 of Debian 12, Go 1.26.
#
# Guess: an Instancer goes on hearing of the instances of its prefix when the process registers its own service with the
#        same etcdv3.Client, or deregisters it: the two have nothing to do with each other.
# Seen:  after Register or Deregister it is deaf: it hears neither of new instances nor of those that are gone, for ever,
#        and gets no error. A Registrar closes "the" watcher of its client, which is the one that the Instancer reads from.
#        In the example of the documentation the Register comes first, and the Deregister when main ends.
set -euo pipefail
for command in etcd curl; do
	command -v "$command" >/dev/null || { echo "install the Debian packages etcd-server and curl" >&2; exit 1; }
done
dir=$(mktemp -d)
trap '[ -z "${server:-}" ] || kill "$server" 2>/dev/null; rm -rf "$dir"' EXIT
cd "$dir"
cat >go.mod <<'END'
module finding

go 1.26.0

require (
	github.com/go-kit/kit v0.13.0
	github.com/go-kit/log v0.2.1
	go.etcd.io/etcd/client/v3 v3.7.3
	google.golang.org/genproto v0.0.0-20260803160001-6ac0973c030d // indirect
)
END
mkdir ports
cat >ports/main.go <<'END'
package main

import (
	"fmt"
	"net"
)

func main() {
	for range 2 {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			panic(err)
		}
		defer l.Close()
		fmt.Print(l.Addr().(*net.TCPAddr).Port, " ")
	}
	fmt.Println()
}
END
cat >main.go <<'END'
package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/go-kit/kit/sd"
	"github.com/go-kit/kit/sd/etcdv3"
	"github.com/go-kit/log"
	etcd "go.etcd.io/etcd/client/v3"
)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func main() {
	ctx, cancel := context.WithTimeout(context.Background(), 80*time.Second)
	defer cancel()
	direct := must(etcd.New(etcd.Config{Endpoints: os.Args[1:]}))
	for _, order := range []string{"neither", "Register", "Deregister"} {
		client := must(etcdv3.NewClient(ctx, os.Args[1:], etcdv3.ClientOptions{}))
		own := etcdv3.NewRegistrar(client, etcdv3.Service{Key: "/own", Value: "http://me"}, log.NewNopLogger())
		if order == "Deregister" {
			own.Register()
		}
		prefix := "/of others/" + order + "/"
		instancer := must(etcdv3.NewInstancer(client, prefix, log.NewNopLogger()))
		events := make(chan sd.Event, 100)
		instancer.Register(events)
		heard := func() bool {
			for end := time.After(6 * time.Second); ; {
				select {
				case event := <-events:
					if len(event.Instances) > 0 || event.Err != nil {
						return true
					}
				case <-end:
					return false
				}
			}
		}
		must(direct.Put(ctx, prefix+"first", "http://first"))
		before := heard()
		switch order {
		case "Register":
			own.Register()
		case "Deregister":
			own.Deregister()
		}
		time.Sleep(time.Second)
		for len(events) > 0 {
			<-events
		}
		must(direct.Put(ctx, prefix+"second", "http://second"))
		fmt.Printf("%s between: the Instancer heard of the first instance: %v, of the second: %v\n", order, before, heard())
	}
}
END
export GOWORK=off GOFLAGS=-mod=mod
timeout 590 go build -o finding . 2>err || cat err
read -r port peer < <(go run ./ports)
etcd --data-dir data --log-level error --listen-client-urls "http://127.0.0.1:$port" \
	--advertise-client-urls "http://127.0.0.1:$port" --listen-peer-urls "http://127.0.0.1:$peer" \
	--initial-advertise-peer-urls "http://127.0.0.1:$peer" --initial-cluster "default=http://127.0.0.1:$peer" \
	>/dev/null 2>&1 & server=$!
for _ in {1..150}; do curl -fs "http://127.0.0.1:$port/health" >/dev/null && break; sleep 0.2; done
timeout 100 ./finding "http://127.0.0.1:$port" 2>/dev/null | tee seen
diff seen - <<'END'
neither between: the Instancer heard of the first instance: true, of the second: true
Register between: the Instancer heard of the first instance: true, of the second: false
Deregister between: the Instancer heard of the first instance: true, of the second: false
END
echo "as found: go-kit v0.13.0"
