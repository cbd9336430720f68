#!/usr/bin/env bash
# github.com/go-co-op/gocron/v2 v2.21.2, redislock v0.9.4 with a redis-server of Debian 12 (7.0.15), Go 1.26.
#
# Guess: Shutdown waits for a job that is running, and then the job's lock is released, as after every other run.
# Seen:  Shutdown waits, but Unlock gets the context of the job, which Shutdown has canceled. A locker that hands
#        the context on to its client releases nothing, and the error is dropped: after each orderly restart the
#        job stays locked for the rest of the TTL. RemoveJob of a running job does the same.
set -euo pipefail
command -v redis-server >/dev/null || { echo "install the Debian package redis-server" >&2; exit 1; }
dir=$(mktemp -d)
trap '[ -z "${server:-}" ] || kill "$server" 2>/dev/null; rm -rf "$dir"' EXIT
cd "$dir"
redis-server --port 0 --unixsocket "$dir/redis.sock" --save '' --daemonize no >/dev/null & server=$!
until [ -S "$dir/redis.sock" ]; do sleep 0.1; done
cat >go.mod <<'END'
module finding

go 1.26.0

require (
	github.com/bsm/redislock v0.9.4
	github.com/go-co-op/gocron/v2 v2.21.2
	github.com/redis/go-redis/v9 v9.23.0
)
END
cat >main.go <<'END'
package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/bsm/redislock"
	"github.com/go-co-op/gocron/v2"
	"github.com/redis/go-redis/v9"
)

type locker struct{ *redislock.Client }

type lock struct{ *redislock.Lock }

func (l locker) Lock(ctx context.Context, key string) (gocron.Lock, error) {
	got, err := l.Obtain(ctx, key, time.Hour, nil)
	return lock{got}, err
}

func (l lock) Unlock(ctx context.Context) error {
	err := l.Release(ctx)
	fmt.Println("  Unlock:", err)
	return err
}

func main() {
	client := redis.NewClient(&redis.Options{Network: "unix", Addr: os.Args[1]})
	defer client.Close()
	for _, end := range []string{"none", "RemoveJob", "Shutdown"} {
		s, err := gocron.NewScheduler(gocron.WithDistributedLocker(locker{redislock.New(client)}))
		if err != nil {
			panic(err)
		}
		started, over := make(chan struct{}), make(chan struct{})
		job, err := s.NewJob(gocron.OneTimeJob(gocron.OneTimeJobStartImmediately()), gocron.NewTask(func() {
			close(started)
			time.Sleep(time.Second)
			fmt.Println("  the job is done")
			close(over)
		}), gocron.WithName("report"))
		if err != nil {
			panic(err)
		}
		fmt.Println("during the run:", end)
		s.Start()
		<-started
		switch end {
		case "RemoveJob":
			err = s.RemoveJob(job.ID())
		case "Shutdown":
			err = s.Shutdown()
		}
		if err != nil {
			panic(err)
		}
		<-over
		time.Sleep(500 * time.Millisecond)
		fmt.Println("  locked afterwards:", client.Exists(context.Background(), "report").Val() == 1)
		client.FlushAll(context.Background())
		if end != "Shutdown" {
			s.Shutdown()
		}
	}
}
END
GOWORK=off GOFLAGS=-mod=mod timeout 110 go run . "$dir/redis.sock" 2>/dev/null | tee seen
diff seen - <<'END'
during the run: none
  the job is done
  Unlock: <nil>
  locked afterwards: false
during the run: RemoveJob
  the job is done
  Unlock: context canceled
  locked afterwards: true
during the run: Shutdown
  the job is done
  Unlock: context canceled
  locked afterwards: true
END
echo "as found: gocron v2.21.2"
