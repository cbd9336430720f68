#!/usr/bin/env bash
# cloud.google.com/go/pubsub/v2 v2.9.0 (package pstest), Go 1.26.
#
# Guess: a message that a worker has refused five times, with MaxDeliveryAttempts 5, goes to the dead letter topic once,
#        and whoever acknowledges it there has done with it. What another subscription refuses does not count.
# Seen:  it goes there again and again, also after it was acknowledged there. One that another subscription has refused
#        five times goes there too, before the workers have got it even once. The message is taken out under its own
#        id, and not under that of its last delivery, so it stays; and the count of deliveries is one for all
#        subscriptions of the topic.
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
	for _, refused := range []string{"workers", "audit"} {
		server := pstest.NewServer()
		conn := must(grpc.NewClient(server.Addr, grpc.WithTransportCredentials(insecure.NewCredentials())))
		topics := must(pubsub.NewTopicAdminClient(ctx, option.WithGRPCConn(conn)))
		subs := must(pubsub.NewSubscriptionAdminClient(ctx, option.WithGRPCConn(conn)))
		must(topics.CreateTopic(ctx, &pb.Topic{Name: topic + "jobs"}))
		must(topics.CreateTopic(ctx, &pb.Topic{Name: topic + "dead"}))
		policy := &pb.DeadLetterPolicy{DeadLetterTopic: topic + "dead", MaxDeliveryAttempts: 5}
		must(subs.CreateSubscription(ctx, &pb.Subscription{Name: sub + "workers", Topic: topic + "jobs", DeadLetterPolicy: policy}))
		must(subs.CreateSubscription(ctx, &pb.Subscription{Name: sub + "audit", Topic: topic + "jobs"}))
		must(subs.CreateSubscription(ctx, &pb.Subscription{Name: sub + "dead", Topic: topic + "dead"}))
		must(topics.Publish(ctx, &pb.PublishRequest{Topic: topic + "jobs", Messages: []*pb.PubsubMessage{{Data: []byte("job")}}}))
		pull := func(name string) []*pb.ReceivedMessage { // of one message or none
			request := &pb.PullRequest{Subscription: sub + name, MaxMessages: 1, ReturnImmediately: true}
			return must(subs.Pull(ctx, request)).ReceivedMessages
		}
		delivered := map[string]int{}
		for range 5 {
			for _, message := range pull(refused) {
				delivered[refused]++
				refuse := &pb.ModifyAckDeadlineRequest{Subscription: sub + refused, AckIds: []string{message.AckId}}
				if err := subs.ModifyAckDeadline(ctx, refuse); err != nil {
					panic(err)
				}
			}
		}
		acknowledged := 0
		for range 40 {
			time.Sleep(200 * time.Millisecond)
			for _, message := range pull("dead") {
				acknowledge := &pb.AcknowledgeRequest{Subscription: sub + "dead", AckIds: []string{message.AckId}}
				if err := subs.Acknowledge(ctx, acknowledge); err != nil {
					panic(err)
				}
				acknowledged++
			}
		}
		fmt.Printf("one message, refused %d times by %s: the workers got it %d times, acknowledged in the dead letter topic: %s\n",
			delivered[refused], refused, delivered["workers"], map[bool]string{true: "again and again", false: fmt.Sprint(acknowledged)}[acknowledged > 3])
		conn.Close()
		server.Close()
	}
}
END
GOWORK=off GOFLAGS=-mod=mod timeout 600 go build -o finding . 2>err || cat err
timeout 90 ./finding 2>/dev/null | tee seen
diff seen - <<'END'
one message, refused 5 times by workers: the workers got it 5 times, acknowledged in the dead letter topic: again and again
one message, refused 5 times by audit: the workers got it 0 times, acknowledged in the dead letter topic: 1
END
echo "as found: pubsub v2.9.0"
