#!/usr/bin/env bash
# github.com/segmentio/kafka-go v0.4.51 with kfake of github.com/twmb/franz-go (01f206a7e32c), Go 1.26.
#
# Guess: CommitMessages of a reader whose partition has gone to another member of the group fails, or is dropped: who
#        has a partition says how far the group has come with it. A late commit can take nothing back.
# Seen:  it succeeds, and puts the offset of the group back to that of the late message: whoever gets the partition next
#        handles again all that the other has handled and committed. The reader sends each commit with the generation that
#        it is in now, without a look at what it is assigned there, and a broker checks no more than the generation.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat >go.mod <<'END'
module finding

go 1.26.0

require (
	github.com/segmentio/kafka-go v0.4.51
	github.com/twmb/franz-go v1.22.3
	github.com/twmb/franz-go/pkg/kfake v0.0.0-20260918054303-01f206a7e32c
)
END
cat >main.go <<'END'
package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/twmb/franz-go/pkg/kfake"
)

func must[T any](v T, err error) T {
	if err != nil {
		fmt.Println("error:", err)
		os.Exit(1)
	}
	return v
}

func main() {
	ctx, cancel := context.WithTimeout(context.Background(), 75*time.Second)
	defer cancel()
	cluster := must(kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(2, "jobs")))
	defer cluster.Close()
	addr := cluster.ListenAddrs()[0]
	client := &kafka.Client{Addr: kafka.TCP(addr)}
	for partition := range 2 {
		var records []kafka.Record
		for range 5 {
			records = append(records, kafka.Record{Value: kafka.NewBytes([]byte("job"))})
		}
		must(client.Produce(ctx, &kafka.ProduceRequest{Topic: "jobs", Partition: partition,
			RequiredAcks: kafka.RequireAll, Records: kafka.NewRecordReader(records...)}))
	}
	reader := func() *kafka.Reader {
		return kafka.NewReader(kafka.ReaderConfig{
			Brokers: []string{addr}, GroupID: "workers", Topic: "jobs", MaxBytes: 1e6, StartOffset: kafka.FirstOffset,
			MaxWait: 200 * time.Millisecond, HeartbeatInterval: 500 * time.Millisecond,
		})
	}
	a := reader()
	first := map[int]kafka.Message{}
	for len(first) < 2 {
		m := must(a.FetchMessage(ctx))
		if _, found := first[m.Partition]; !found {
			first[m.Partition] = m
		}
	}
	fmt.Println("a is at work on the first message of each partition")
	other := reader()
	var m kafka.Message
	for range 5 {
		m = must(other.FetchMessage(ctx))
		if err := other.CommitMessages(ctx, m); err != nil {
			panic(err)
		}
	}
	committed := func() int64 {
		answer := must(client.OffsetFetch(ctx, &kafka.OffsetFetchRequest{GroupID: "workers",
			Topics: map[string][]int{"jobs": {m.Partition}}}))
		return answer.Topics["jobs"][0].CommittedOffset
	}
	fmt.Println("b has got one of them and has handled 5; offset of the group:", committed())
	fmt.Println("late commit of a:", a.CommitMessages(ctx, first[m.Partition]), "offset of the group:", committed())
}
END
GOWORK=off GOFLAGS=-mod=mod go build -o program . 2>/dev/null
timeout 80 ./program 2>/dev/null | tee seen
diff seen - <<'END'
a is at work on the first message of each partition
b has got one of them and has handled 5; offset of the group: 5
late commit of a: <nil> offset of the group: 1
END
echo "as found: kafka-go v0.4.51"
