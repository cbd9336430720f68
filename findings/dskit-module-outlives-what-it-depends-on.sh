#!/usr/bin/env bash
# github.com/grafana/dskit v0.0.0-20260703122047-de1ec7541c44 (packages modules and services), Go 1.26.
#
# Guess: a module that depends on another is stopped when that one fails or ends: modules "start after their dependencies
#        have been started and stop before their dependencies are stopped", says InitModuleServices.
# Seen:  it goes on as if nothing had happened: the writer is running while the module that keeps the lease has failed.
#        A module waits for what it depends on when it starts, and for those that depend on it when it is stopped from
#        outside; nothing watches between. The program has to add a listener that stops the whole manager.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat >go.mod <<'END'
module finding

go 1.26.0

require (
	github.com/go-kit/log v0.2.1
	github.com/grafana/dskit v0.0.0-20260703122047-de1ec7541c44
)
END
cat >main.go <<'END'
package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/go-kit/log"
	"github.com/grafana/dskit/modules"
	"github.com/grafana/dskit/services"
)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func main() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	for _, end := range []string{"is stopped from outside", "fails", "ends"} {
		m := modules.NewManager(log.NewNopLogger())
		over := make(chan error)
		m.RegisterModule("lease", func() (services.Service, error) {
			return services.NewBasicService(nil, func(ctx context.Context) error {
				select {
				case <-ctx.Done():
					return nil
				case err := <-over:
					return err
				}
			}, nil), nil
		})
		m.RegisterModule("writer", func() (services.Service, error) { return services.NewIdleService(nil, nil), nil })
		if err := m.AddDependency("writer", "lease"); err != nil {
			panic(err)
		}
		all := must(m.InitModuleServices("writer"))
		manager := must(services.NewManager(all["lease"], all["writer"]))
		if err := services.StartManagerAndAwaitHealthy(ctx, manager); err != nil {
			panic(err)
		}
		switch end {
		case "is stopped from outside":
			all["lease"].StopAsync()
		case "fails":
			over <- errors.New("lost the lease")
		case "ends":
			over <- nil
		}
		time.Sleep(4 * time.Second)
		fmt.Printf("lease %s: lease is %v, writer is %v\n", end, all["lease"].State(), all["writer"].State())
		if err := services.StopManagerAndAwaitStopped(ctx, manager); err != nil {
			panic(err)
		}
	}
}
END
GOWORK=off GOFLAGS=-mod=mod timeout 300 go build -o finding . 2>err || cat err
timeout 60 ./finding 2>/dev/null | tee seen
diff seen - <<'END'
lease is stopped from outside: lease is Stopping, writer is Running
lease fails: lease is Failed, writer is Running
lease ends: lease is Terminated, writer is Running
END
echo "as found: dskit de1ec7541c44"
