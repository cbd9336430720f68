#!/usr/bin/env bash
# github.com/synadia-io/orbit.go/pcgroups v0.2.2 with nats-server v2.15.3 and nats.go v1.55.0, Go 1.26.
#
# Guess: ElasticIsInMembershipAndActive "checks if a member is included in the elastic consumer group and is active": it is
#        false for a member of which no instance is running.
# Seen:  it is true for every name as soon as one member of the group is active, also for a member without an instance
#        and for a name that is no member. It looks for a consumer of any member and not of the one that it is asked
#        for. A check of health by it never finds that a member has died beside others; ListElasticActiveMembers does.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat >go.mod <<'END'
module finding

go 1.26.0

require (
	github.com/nats-io/nats-server/v2 v2.15.3
	github.com/nats-io/nats.go v1.55.0
	github.com/synadia-io/orbit.go/pcgroups v0.2.2
)
END
cat >main.go <<'END'
package main

import (
	"context"
	"fmt"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/synadia-io/orbit.go/pcgroups"
)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func main() {
	s := must(server.NewServer(&server.Options{DontListen: true, JetStream: true, StoreDir: "data", NoLog: true, NoSigs: true}))
	s.Start()
	defer s.Shutdown()
	js := must(jetstream.New(must(nats.Connect("", nats.InProcessServer(s)))))
	ctx := context.Background()
	must(js.CreateStream(ctx, jetstream.StreamConfig{Name: "orders", Subjects: []string{"orders.*"}}))
	filter := pcgroups.PartitioningFilter{Filter: "orders.*", PartitioningWildcards: []int{1}}
	must(pcgroups.CreateElastic(ctx, js, "orders", "work", 2, []pcgroups.PartitioningFilter{filter}, 0, 0))
	must(pcgroups.AddMembers(ctx, js, "orders", "work", []string{"m1"}))
	must(pcgroups.AddMembers(ctx, js, "orders", "work", []string{"m2"}))
	ask := func(when string) {
		for _, name := range []string{"m1", "m2", "nobody"} {
			in, active, err := pcgroups.ElasticIsInMembershipAndActive(ctx, js, "orders", "work", name)
			fmt.Printf("%s: %s is a member %v, active %v %v\n", when, name, in, active, err)
		}
		fmt.Println("  listed as active:", must(pcgroups.ListElasticActiveMembers(ctx, js, "orders", "work")))
	}
	ask("nobody has joined")
	must(pcgroups.ElasticConsume(ctx, js, "orders", "work", "m1", func(msg jetstream.Msg) {},
		jetstream.ConsumerConfig{AckPolicy: jetstream.AckExplicitPolicy, AckWait: time.Minute}))
	time.Sleep(5 * time.Second)
	ask("m1 has joined")
}
END
GOWORK=off GOFLAGS=-mod=mod timeout 200 go build -o finding . 2>/dev/null
timeout 70 ./finding 2>/dev/null | tee seen
diff seen - <<'END'
nobody has joined: m1 is a member true, active false <nil>
nobody has joined: m2 is a member true, active false <nil>
nobody has joined: nobody is a member false, active false <nil>
  listed as active: []
m1 has joined: m1 is a member true, active true <nil>
m1 has joined: m2 is a member true, active true <nil>
m1 has joined: nobody is a member false, active true <nil>
  listed as active: [m1]
END
echo "as found: pcgroups v0.2.2, nats-server v2.15.3"
