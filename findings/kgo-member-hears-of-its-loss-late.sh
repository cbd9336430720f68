#!/usr/bin/env bash
# github.com/twmb/franz-go v1.22.3 (kgo), its kfake v0.0.0-20260918054303-01f206a7e32c, Go 1.26.
#
# Guess: a member of a consumer group that is cut off calls OnPartitionsLost before its session ends, as it knows its
#        SessionTimeout and the time of its last heartbeat: what it does under a partition ends before the next one begins.
# Seen:  with a session of 6 s it hears of the loss some 11 s after the cut, seconds after another member was assigned
#        the partition. It waits for the answer to the heartbeat that is under way, for RequestTimeoutOverhead of 10 s
#        whatever the session's time is, and counts nothing by itself.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat >go.mod <<'EOF'
module finding

go 1.26.0

require (
	github.com/twmb/franz-go v1.22.3
	github.com/twmb/franz-go/pkg/kfake v0.0.0-20260918054303-01f206a7e32c
)
EOF
cat >main.go <<'EOF'
package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
)

// A conn of a network that is cut swallows what is written and never has anything to read until its deadline.
type conn struct {
	net.Conn
	cut *atomic.Bool
}

func (c conn) Read(b []byte) (int, error) {
	for {
		if n, err := c.Conn.Read(b); err != nil || !c.cut.Load() {
			return n, err
		}
	}
}

func (c conn) Write(b []byte) (int, error) {
	if c.cut.Load() {
		return len(b), nil
	}
	return c.Conn.Write(b)
}

func main() {
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, "jobs"))
	if err != nil {
		panic(err)
	}
	defer cluster.Close()
	ctx := context.Background()
	events := make(chan string, 99)
	join := func(name string, cut *atomic.Bool) {
		say := func(what string) func(context.Context, *kgo.Client, map[string][]int32) {
			return func(_ context.Context, _ *kgo.Client, partitions map[string][]int32) {
				if len(partitions) > 0 {
					events <- name + ": " + what
				}
			}
		}
		client, err := kgo.NewClient(kgo.SeedBrokers(cluster.ListenAddrs()...), kgo.ConsumerGroup("workers"),
			kgo.ConsumeTopics("jobs"), kgo.SessionTimeout(6*time.Second), kgo.HeartbeatInterval(time.Second),
			kgo.OnPartitionsAssigned(say("assigned")), kgo.OnPartitionsRevoked(say("revoked")),
			kgo.OnPartitionsLost(say("lost")),
			kgo.Dialer(func(ctx context.Context, network, address string) (net.Conn, error) {
				if cut.Load() {
					<-ctx.Done()
					return nil, ctx.Err()
				}
				c, err := (&net.Dialer{}).DialContext(ctx, network, address)
				return conn{c, cut}, err
			}))
		if err != nil {
			panic(err)
		}
		go func() {
			for {
				client.PollFetches(ctx)
			}
		}()
	}
	wait := func() time.Time {
		select {
		case event := <-events:
			fmt.Println(event)
		case <-time.After(40 * time.Second):
			panic("nothing happens")
		}
		return time.Now()
	}
	var cut, never atomic.Bool
	join("first", &cut)
	wait()
	time.Sleep(3 * time.Second) // some heartbeats
	cut.Store(true)
	fmt.Println("first is cut off")
	start := time.Now()
	join("second", &never)
	assigned := wait()
	lost := wait()
	fmt.Fprintf(os.Stderr, "assigned after %v, lost after %v\n", assigned.Sub(start), lost.Sub(start))
	fmt.Printf("lost at least 8 s after the cut, with a session of 6 s: %t\n", lost.Sub(start) > 8*time.Second)
}
EOF
GOWORK=off GOFLAGS=-mod=mod timeout 900 go build -p 2 -o finding . 2>err || { cat err; exit 1; }
timeout 88 ./finding | tee seen
diff seen - <<'EOF'
first: assigned
first is cut off
second: assigned
first: lost
lost at least 8 s after the cut, with a session of 6 s: true
EOF
echo "as found: franz-go v1.22.3"
