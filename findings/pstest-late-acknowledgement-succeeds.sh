#!/usr/bin/env bash
# cloud.google.com/go/pubsub/v2 v2.9.0 (package pstest), Go 1.26.
#
# Guess: in a subscription with exactly-once delivery a worker whose deadline has passed is told so: an acknowledgement
#        or an extension with an id that is no longer valid fails, which is what that kind of subscription is for.
# Seen:  both succeed, and do nothing: the message is at work elsewhere, and comes again. So does an id that was never
#        given out. pstest keeps the flag, hands it to clients, and passes over ids that it does not know without an
#        error, so the way of a worker that has lost its message cannot be tested against it.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat >go.mod <<'END'
module finding

go 1.26.0

require cloud.google.com/go/pubsub/v2 v2.9.0
END
cat >main.go <<'END'
package main

import (
	"context"
	"fmt"
	"time"

	pubsub "cloud.google.com/go/pubsub/v2/apiv1"
	pb "cloud.google.com/go/pubsub/v2/apiv1/pubsubpb"
	"cloud.google.com/go/pubsub/v2/pstest"
	"google.golang.org/api/option"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
)

const topic, sub = "projects/p/topics/", "projects/p/subscriptions/"

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func main() {
	ctx, cancel := context.WithTimeout(context.Background(), 80*time.Second)
	defer cancel()
	server := pstest.NewServer()
	defer server.Close()
	conn := must(grpc.NewClient(server.Addr, grpc.WithTransportCredentials(insecure.NewCredentials())))
	topics := must(pubsub.NewTopicAdminClient(ctx, option.WithGRPCConn(conn)))
	subs := must(pubsub.NewSubscriptionAdminClient(ctx, option.WithGRPCConn(conn)))
	must(topics.CreateTopic(ctx, &pb.Topic{Name: topic + "jobs"}))
	created := must(subs.CreateSubscription(ctx, &pb.Subscription{
		Name: sub + "jobs", Topic: topic + "jobs", AckDeadlineSeconds: 10, EnableExactlyOnceDelivery: true}))
	fmt.Println("exactly once:", created.EnableExactlyOnceDelivery)
	must(topics.Publish(ctx, &pb.PublishRequest{Topic: topic + "jobs", Messages: []*pb.PubsubMessage{{Data: []byte("job")}}}))
	pull := func() string { // waits for a message
		for ; ; time.Sleep(200 * time.Millisecond) {
			request := &pb.PullRequest{Subscription: sub + "jobs", MaxMessages: 1, ReturnImmediately: true}
			for _, message := range must(subs.Pull(ctx, request)).ReceivedMessages {
				return message.AckId
			}
		}
	}
	first := pull()
	second := pull() // after ten seconds
	fmt.Println("the second has the message under another id:", first != second)
	for _, id := range []string{first, "none"} {
		name := map[string]string{first: "the first", "none": "an id that there never was"}[id]
		extend := &pb.ModifyAckDeadlineRequest{Subscription: sub + "jobs", AckIds: []string{id}, AckDeadlineSeconds: 600}
		fmt.Printf("%s extends its deadline: %v\n", name, subs.ModifyAckDeadline(ctx, extend))
		acknowledge := &pb.AcknowledgeRequest{Subscription: sub + "jobs", AckIds: []string{id}}
		fmt.Printf("%s acknowledges: %v\n", name, subs.Acknowledge(ctx, acknowledge))
	}
	third := pull() // after ten seconds more
	fmt.Println("the message comes a third time:", third != second)
}
END
GOWORK=off GOFLAGS=-mod=mod timeout 600 go build -o finding . 2>err || cat err
timeout 90 ./finding 2>/dev/null | tee seen
diff seen - <<'END'
exactly once: true
the second has the message under another id: true
the first extends its deadline: <nil>
the first acknowledges: <nil>
an id that there never was extends its deadline: <nil>
an id that there never was acknowledges: <nil>
the message comes a third time: true
END
echo "as found: pubsub v2.9.0"
