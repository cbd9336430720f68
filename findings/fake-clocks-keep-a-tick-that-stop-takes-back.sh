#!/usr/bin/env bash
# github.com/jonboulle/clockwork v0.5.0, github.com/benbjohnson/clock v1.3.5, k8s.io/utils
# v0.0.0-20261023123148-ca04ba58ecab (clock/testing), github.com/coder/quartz v0.3.1, Go 1.26.
#
# Guess: a timer of a fake clock does what Go's timers do since Go 1.23: once Stop or Reset has returned, no tick
#        from before is received. So code that does not drain the channel, as it need not, works with both.
# Seen:  of four fake clocks only quartz's does. With the three others a wait that is reset after its timer has
#        fired ends at once with the old tick: a watchdog that was renewed in time seems to have run out. (Their
#        channels have a buffer of one, which Stop and Reset leave as it is.)
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat >go.mod <<'END'
module finding

go 1.26.0

require (
	github.com/benbjohnson/clock v1.3.5
	github.com/coder/quartz v0.3.1
	github.com/jonboulle/clockwork v0.5.0
	k8s.io/utils v0.0.0-20261023123148-ca04ba58ecab
)
END
cat >find_test.go <<'END'
package finding

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/benbjohnson/clock"
	"github.com/coder/quartz"
	"github.com/jonboulle/clockwork"
	clocktesting "k8s.io/utils/clock/testing"
)

const second = time.Second

func look(name string, c <-chan time.Time, advance func(), stop func() bool, reset func(time.Duration) bool) {
	received := func() bool {
		select {
		case <-c:
			return true
		case <-time.After(200 * time.Millisecond):
			return false
		}
	}
	advance()
	stop()
	stopped := received()
	reset(second)
	advance()
	reset(time.Hour)
	fmt.Printf("%s: a tick after Stop: %t, an hour too early after Reset: %t\n", name, stopped, received())
}

func Test(t *testing.T) {
	real := time.NewTimer(second)
	look("Go", real.C, func() { time.Sleep(2 * second) }, real.Stop, real.Reset)
	q := quartz.NewMock(t).WithLogger(quartz.NoOpLogger)
	qt := q.NewTimer(second)
	look("quartz", qt.C, func() { q.Advance(second).MustWait(context.Background()) },
		func() bool { return qt.Stop() }, func(d time.Duration) bool { return qt.Reset(d) })
	cw := clockwork.NewFakeClock()
	ct := cw.NewTimer(second)
	look("clockwork", ct.Chan(), func() { cw.Advance(second) }, ct.Stop, ct.Reset)
	b := clock.NewMock()
	bt := b.Timer(second)
	look("benbjohnson/clock", bt.C, func() { b.Add(second) }, bt.Stop, bt.Reset)
	k := clocktesting.NewFakeClock(time.Now())
	kt := k.NewTimer(second)
	look("k8s.io/utils", kt.C(), func() { k.Step(second) }, kt.Stop, kt.Reset)
}
END
GOWORK=off GOFLAGS=-mod=mod timeout 80 go test -v . 2>/dev/null | grep 'a tick after' | tee seen
diff seen - <<'END'
Go: a tick after Stop: false, an hour too early after Reset: false
quartz: a tick after Stop: false, an hour too early after Reset: false
clockwork: a tick after Stop: true, an hour too early after Reset: true
benbjohnson/clock: a tick after Stop: true, an hour too early after Reset: true
k8s.io/utils: a tick after Stop: true, an hour too early after Reset: true
END
echo "as found: clockwork v0.5.0, benbjohnson/clock v1.3.5, k8s.io/utils v0.0.0-20261023123148-ca04ba58ecab, quartz v0.3.1"
