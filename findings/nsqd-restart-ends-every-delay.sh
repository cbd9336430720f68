#!/usr/bin/env bash
# github.com/nsqio/nsq v1.3.0 (its nsqd), github.com/nsqio/go-nsq v1.1.0, Go 1.26.
#
# Guess: nsqd that is told to stop writes to disk what it has in memory, also messages with a delay (of DPUB, or of a
#        requeue), and after its start they come when their delay is over, as they would have.
# Seen:  the messages are kept and their delays are not: all come at once after the start. A message that a handler has
#        put off for ten minutes, as what it needs is taken, is tried again in the same second. The disk queue has
#        no field for the delay.
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
	"sort"
	"time"

	"github.com/nsqio/go-nsq"
	"github.com/nsqio/nsq/nsqd"
)

var logger = log.New(io.Discard, "", 0)

func start() (*nsqd.NSQD, string) {
	opts := nsqd.NewOptions()
	opts.TCPAddress, opts.HTTPAddress, opts.DataPath, opts.Logger = "127.0.0.1:0", "127.0.0.1:0", os.Args[1], logger
	server, err := nsqd.New(opts)
	must(err)
	must(server.LoadMetadata())
	go server.Main()
	return server, server.RealTCPAddr().String()
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

func consume(addr string, handle func(*nsq.Message)) *nsq.Consumer {
	consumer, err := nsq.NewConsumer("jobs", "workers", nsq.NewConfig())
	must(err)
	consumer.SetLogger(logger, nsq.LogLevelMax)
	consumer.AddHandler(nsq.HandlerFunc(func(m *nsq.Message) error { handle(m); return nil }))
	must(consumer.ConnectToNSQD(addr))
	return consumer
}

func main() {
	server, addr := start()
	come := make(chan string, 10)
	c := consume(addr, func(m *nsq.Message) {
		m.DisableAutoResponse()
		m.RequeueWithoutBackoff(10 * time.Minute)
		come <- string(m.Body)
	})
	producer, err := nsq.NewProducer(addr, nsq.NewConfig())
	must(err)
	producer.SetLogger(logger, nsq.LogLevelMax)
	must(producer.Publish("jobs", []byte("put off by its handler")))
	fmt.Println("handled:", <-come)
	must(producer.DeferredPublish("jobs", 10*time.Minute, []byte("published with a delay")))
	select {
	case m := <-come:
		fmt.Println("before the restart:", m)
	case <-time.After(4 * time.Second):
		fmt.Println("before the restart: nothing for 4 s")
	}
	c.Stop()
	<-c.StopChan
	producer.Stop()
	server.Exit()

	_, addr = start()
	consume(addr, func(m *nsq.Message) { come <- string(m.Body) })
	var after []string
	for len(after) < 2 {
		select {
		case m := <-come:
			after = append(after, m)
		case <-time.After(30 * time.Second):
			fmt.Println("not come within 30 s")
			os.Exit(1)
		}
	}
	sort.Strings(after)
	fmt.Println("after the restart:", after)
}
END
GOWORK=off GOFLAGS=-mod=mod go build -o program . 2>/dev/null
mkdir data
timeout 80 ./program data 2>/dev/null | tee seen
diff seen - <<'END'
handled: put off by its handler
before the restart: nothing for 4 s
after the restart: [published with a delay put off by its handler]
END
echo "as found: nsq v1.3.0"
