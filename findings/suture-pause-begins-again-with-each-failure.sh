#!/usr/bin/env bash
# github.com/thejerf/suture/v4 v4.0.6, Go 1.26.
#
# Guess: a service that fails too often is started again after FailureBackoff: "the entire service waits for
#        FailureBackoff seconds before attempting any further restarts".
# Seen:  each failure of another service of the supervisor during the pause begins it again, as handleFailedService
#        replaces the timer. Eight services that fail once each, one after the other, keep the first one down for four
#        times FailureBackoff and more. With the default of 15 s and a few dozen services that is minutes.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat >go.mod <<'END'
module finding

go 1.26.0

require github.com/thejerf/suture/v4 v4.0.6
END
cat >main.go <<'END'
package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/thejerf/suture/v4"
)

const backoff = 2 * time.Second

type service func(context.Context) error

func (s service) Serve(ctx context.Context) error { return s(ctx) }

// down says for how many whole pauses a service is down that has failed twice at the start, beside some others each
// of which fails once, half a pause after the one before.
func down(others int) int {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	s := suture.New("all", suture.Spec{FailureThreshold: 1.5, FailureBackoff: backoff, BackoffJitter: suture.NoJitter{},
		EventHook: func(suture.Event) {}})
	start, again := time.Now(), make(chan time.Duration, 1)
	runs := 0
	s.Add(service(func(ctx context.Context) error {
		if runs++; runs < 3 {
			return errors.New("failed")
		}
		again <- time.Since(start)
		<-ctx.Done()
		return nil
	}))
	for i := range others {
		failed := false
		s.Add(service(func(ctx context.Context) error {
			if !failed {
				failed = true
				time.Sleep(time.Duration(i+1) * backoff / 2)
				return errors.New("failed")
			}
			<-ctx.Done()
			return nil
		}))
	}
	s.ServeBackground(ctx)
	return int(<-again / backoff)
}

func main() {
	alone, beside := down(0), down(8)
	fmt.Printf("a service that failed twice is down for its FailureBackoff: alone %v, beside eight that fail once each %v\n",
		alone == 1, beside == 1)
	fmt.Println("beside them it is down for four times as long or more:", beside >= 4)
}
END
GOWORK=off GOFLAGS=-mod=mod timeout 110 go build -o finding . 2>/dev/null
timeout 60 ./finding 2>/dev/null | tee seen
diff seen - <<'END'
a service that failed twice is down for its FailureBackoff: alone true, beside eight that fail once each false
beside them it is down for four times as long or more: true
END
echo "as found: suture v4.0.6"
