#!/usr/bin/env bash
# github.com/go-kit/kit v0.13.0 (sd/etcdv3), go.etcd.io/etcd/client/v3 v3.7.3, etcd 3.4.23 of Debian 12, Go 1.26.
#
# Guess: a process that registers two services, with one etcdv3.Client and two Registrars, has both registered for as
#        long as it lives. A service whose etcd lease has ended, since the process was stopped for a while, is registered
#        again: the documentation speaks of a loop that refreshes the lease.
# Seen:  the second Register ends the first service: it is gone when its TTL has passed. Deregister of one ends the other
#        as well. A service whose etcd lease has ended does not come back, without an error or a line in the log. The
#        client has one place for "the" lease and closes the former one, and with it its keepalives; nobody looks at the
#        end of the channel of the keepalives.
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
	client := func() etcdv3.Client { return must(etcdv3.NewClient(ctx, os.Args[1:], etcdv3.ClientOptions{})) }
	registrar := func(c etcdv3.Client, key string) *etcdv3.Registrar {
		service := etcdv3.Service{Key: key, Value: "http://me", TTL: etcdv3.NewTTLOption(time.Second, 4*time.Second)}
		return etcdv3.NewRegistrar(c, service, log.NewNopLogger())
	}
	show := func(what string) {
		fmt.Print(what, ":")
		for _, kv := range must(direct.Get(ctx, "/", etcd.WithPrefix())).Kvs {
			fmt.Print(" ", string(kv.Key))
		}
		fmt.Println()
	}
	const later = 12 * time.Second // three TTLs

	one := client()
	users, orders := registrar(one, "/users"), registrar(one, "/orders")
	users.Register()
	time.Sleep(later)
	show("users registered, later")
	orders.Register()
	time.Sleep(later)
	show("orders registered, later")
	users.Register()
	users.Deregister()
	show("users registered and deregistered")
	time.Sleep(later)
	show("later")
	two := client()
	registrar(two, "/mails").Register()
	must(direct.Revoke(ctx, etcd.LeaseID(two.LeaseID())))
	time.Sleep(later)
	show("mails registered, its lease ended, later")
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
users registered, later: /users
orders registered, later: /orders
users registered and deregistered: /orders
later:
mails registered, its lease ended, later:
END
echo "as found: go-kit v0.13.0"
