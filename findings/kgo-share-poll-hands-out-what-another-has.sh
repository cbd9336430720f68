#!/usr/bin/env bash
# github.com/twmb/franz-go v1.22.3 (kgo), its kfake v0.0.0-20260918054303-01f206a7e32c, Go 1.26.
#
# Guess: a record of a share group that PollRecords hands out is locked for that member at that moment: records that it has
#        fetched in advance and whose lock has ended are dropped, as the client knows their AcquisitionDeadline.
# Seen:  they are handed out, seconds after their deadline, as the first delivery, while another member has them as the
#        second. Only a late acknowledgement fails. The locks of all that one fetch brings begin together, and taking
#        records from the buffer does not look at the deadline. Who works slowly has to look at it before each record.
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
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
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
	cluster := must(kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, "jobs"),
		kfake.BrokerConfigs(map[string]string{"group.share.record.lock.duration.ms": "5000"})))
	defer cluster.Close()
	producer := must(kgo.NewClient(kgo.SeedBrokers(cluster.ListenAddrs()...), kgo.DefaultProduceTopic("jobs")))
	earliest := kmsg.NewIncrementalAlterConfigsRequestResourceConfig()
	earliest.Name, earliest.Value = "share.auto.offset.reset", kmsg.StringPtr("earliest")
	group := kmsg.NewIncrementalAlterConfigsRequestResource()
	group.ResourceType, group.ResourceName = kmsg.ConfigResourceTypeGroupConfig, "workers"
	group.Configs = append(group.Configs, earliest)
	request := kmsg.NewPtrIncrementalAlterConfigsRequest()
	request.Resources = append(request.Resources, group)
	must(request.RequestWith(ctx, producer))
	for i := range 4 {
		record := &kgo.Record{Value: []byte(fmt.Sprint("job ", i+1))}
		if err := producer.ProduceSync(ctx, record).FirstErr(); err != nil {
			panic(err)
		}
	}
	join := func() *kgo.Client {
		return must(kgo.NewClient(kgo.SeedBrokers(cluster.ListenAddrs()...), kgo.ConsumeTopics("jobs"), kgo.ShareGroup("workers")))
	}
	take := func(name string, client *kgo.Client, count int) (records []*kgo.Record) {
		for len(records) < count {
			fetches := client.PollRecords(ctx, count-len(records))
			if err := fetches.Err(); err != nil {
				panic(err)
			}
			for _, record := range fetches.Records() {
				fmt.Printf("%s gets %s, delivery %d, its lock has ended: %t\n", name, record.Value, record.DeliveryCount(),
					time.Now().After(record.AcquisitionDeadline()))
				records = append(records, record)
			}
		}
		return records
	}
	first := join()
	take("first", first, 1)
	time.Sleep(10 * time.Second) // it works, and its locks of 5 s end
	take("second", join(), 4)
	take("first", first, 1)
}
EOF
GOWORK=off GOFLAGS=-mod=mod timeout 900 go build -p 2 -o finding . 2>err || { cat err; exit 1; }
timeout 88 ./finding | tee seen
diff seen - <<'EOF'
first gets job 1, delivery 1, its lock has ended: false
second gets job 1, delivery 2, its lock has ended: false
second gets job 2, delivery 2, its lock has ended: false
second gets job 3, delivery 2, its lock has ended: false
second gets job 4, delivery 2, its lock has ended: false
first gets job 2, delivery 1, its lock has ended: true
EOF
echo "as found: franz-go v1.22.3"
