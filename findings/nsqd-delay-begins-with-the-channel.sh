#!/usr/bin/env bash
# github.com/nsqio/nsq v1.3.0 (its nsqd), github.com/nsqio/go-nsq v1.1.0, Go 1.26.
#
# Guess: the delay of DeferredPublish counts from the publishing: a consumer that comes when it is over, or a topic
#        that is paused for that long, finds the message ready.
# Seen:  the delay is counted from when the topic hands the message to a channel. A topic without a channel keeps it
#        meanwhile, so the first consumer waits the whole delay again, and so it is after a pause of the topic. A delayed
#        message that waits there with more than --mem-queue-size others before it goes to disk and has no delay at all.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat >go.mod <<'END'
module finding

go 1.26.0

require (
	github.com/nsqio/go-nsq v1.1.0
	github.com/nsqio/nsq v1.3.0
)
END
cat >main.go <<'END'
package main

import (
	"fmt"
	"io"
	"log"
	"os"
	"time"

	"github.com/nsqio/go-nsq"
	"github.com/nsqio/nsq/nsqd"
)

func must(err error) {
	if err != nil {
		panic(err)
	}
}

func main() {
	logger := log.New(io.Discard, "", 0)
	opts := nsqd.NewOptions()
	opts.TCPAddress, opts.HTTPAddress, opts.DataPath, opts.Logger = "127.0.0.1:0", "127.0.0.1:0", os.Args[1], logger
	opts.MemQueueSize = 5
	server, err := nsqd.New(opts)
	must(err)
	go server.Main()
	addr := server.RealTCPAddr().String()
	producer, err := nsq.NewProducer(addr, nsq.NewConfig())
	must(err)
	producer.SetLogger(logger, nsq.LogLevelMax)
	consume := func(topic string) chan string {
		come := make(chan string, 10)
		consumer, err := nsq.NewConsumer(topic, "workers", nsq.NewConfig())
		must(err)
		consumer.SetLogger(logger, nsq.LogLevelMax)
		consumer.AddHandler(nsq.HandlerFunc(func(m *nsq.Message) error {
			if body := string(m.Body); body != "first" {
				come <- body
			}
			return nil
		}))
		must(consumer.ConnectToNSQD(addr))
		return come
	}
	const delay = 8 * time.Second
	report := func(name string, begin time.Time, come chan string) {
		<-come
		switch waited := time.Since(begin); {
		case waited < delay/2:
			fmt.Println(name+":", "at once")
		case waited > delay-time.Second:
			fmt.Println(name+":", "the whole delay later")
		default:
			fmt.Println(name+":", "after", waited)
		}
	}

	paused := consume("paused")
	must(producer.Publish("paused", []byte("begin")))
	<-paused // the channel is there
	must(server.GetTopic("paused").Pause())
	for _, topic := range []string{"new", "paused", "full"} {
		for range 5 {
			if topic == "full" {
				must(producer.Publish(topic, []byte("first")))
			}
		}
		must(producer.DeferredPublish(topic, delay, []byte("delayed")))
	}
	begin := time.Now()
	report("message behind a full memory queue", begin, consume("full"))
	time.Sleep(time.Until(begin.Add(delay + 2*time.Second)))
	begin = time.Now()
	report("consumer that comes after the delay", begin, consume("new"))
	begin = time.Now()
	must(server.GetTopic("paused").UnPause())
	report("topic paused for longer than the delay", begin, paused)
}
END
GOWORK=off GOFLAGS=-mod=mod go build -o program . 2>/dev/null
mkdir data
timeout 80 ./program data 2>/dev/null | tee seen
diff seen - <<'END'
message behind a full memory queue: at once
consumer that comes after the delay: the whole delay later
topic paused for longer than the delay: the whole delay later
END
echo "as found: nsq v1.3.0"
