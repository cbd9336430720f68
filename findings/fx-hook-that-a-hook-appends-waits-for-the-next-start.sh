#!/usr/bin/env bash
# go.uber.org/fx v1.24.0, Go 1.26.
#
# Guess: a hook that an OnStart appends, such as one that releases what that OnStart has taken, belongs to the running
#        app: its OnStop is called by Stop, and its OnStart after the one that appended it. Or Append refuses it.
# Seen:  Append takes it, and neither is called: Start goes through the hooks that were there when it began, and Stop
#        stops as many as Start has started. The release never runs. If the app is started again it runs at that
#        Stop, once for the first Start, and the hook that the second Start appends waits in its turn.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat >go.mod <<'END'
module finding

go 1.26.0

require go.uber.org/fx v1.24.0
END
cat >main.go <<'END'
package main

import (
	"context"
	"fmt"

	"go.uber.org/fx"
)

func main() {
	ctx := context.Background()
	lease := 0
	app := fx.New(fx.NopLogger, fx.Invoke(func(l fx.Lifecycle) {
		l.Append(fx.StartHook(func() {
			lease++
			mine := lease
			fmt.Println("  take lease", mine)
			l.Append(fx.StartStopHook(
				func() { fmt.Println("  renew lease", mine) },
				func() { fmt.Println("  release lease", mine) },
			))
		}))
		l.Append(fx.StopHook(func() { fmt.Println("  stop the work") }))
	}))
	for range 2 {
		fmt.Println("Start")
		err := app.Start(ctx)
		fmt.Println("Stop, after a Start with error", err)
		err = app.Stop(ctx)
		fmt.Println("stopped with error", err)
	}
}
END
GOWORK=off GOFLAGS=-mod=mod timeout 110 go build -p 1 -o finding . 2>err || { cat err; exit 1; }
timeout 30 ./finding | tee seen
diff seen - <<'END'
Start
  take lease 1
Stop, after a Start with error <nil>
  stop the work
stopped with error <nil>
Start
  take lease 2
  renew lease 1
Stop, after a Start with error <nil>
  release lease 1
  stop the work
stopped with error <nil>
END
echo "as found: fx v1.24.0"
