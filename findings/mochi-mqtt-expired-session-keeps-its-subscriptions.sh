#!/usr/bin/env bash
# github.com/mochi-mqtt/server v2.7.9, github.com/eclipse/paho.golang v0.23.0 (MQTT 5), Go 1.26.
#
# Guess: a worker that was cut off and whose session has expired is no member of its shared subscription any more: all jobs
#        go to the others. A client that comes back with a new session gets nothing before it subscribes.
# Seen:  the member that is gone is still given its share of the jobs, and these are lost: about half of them with two
#        workers, for as long as the server runs. The new session of a client gets messages of what the expired one had
#        subscribed to, also with CleanStart. The server deletes the client whose session expires, and leaves its
#        subscriptions in the tree of topics.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat >go.mod <<'END'
module finding

go 1.26.0

require (
	github.com/eclipse/paho.golang v0.23.0
	github.com/mochi-mqtt/server/v2 v2.7.9
)
END
cat >main.go <<'END'
package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"sync/atomic"
	"time"

	"github.com/eclipse/paho.golang/paho"
	mqtt "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/hooks/auth"
	"github.com/mochi-mqtt/server/v2/listeners"
)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

type client struct {
	*paho.Client
	conn net.Conn
	got  atomic.Int32 // messages
}

func main() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	server := mqtt.New(&mqtt.Options{Logger: slog.New(slog.NewTextHandler(io.Discard, nil))})
	listener := listeners.NewTCP(listeners.Config{ID: "tcp", Address: "127.0.0.1:0"})
	for _, err := range []error{server.AddHook(new(auth.AllowHook), nil), server.AddListener(listener), server.Serve()} {
		if err != nil {
			panic(err)
		}
	}
	defer server.Close()
	expiry := uint32(1) // seconds
	connect := func(id string) *client {
		c := &client{conn: must(net.Dial("tcp", listener.Address()))}
		c.Client = paho.NewClient(paho.ClientConfig{Conn: c.conn,
			OnPublishReceived: []func(paho.PublishReceived) (bool, error){func(paho.PublishReceived) (bool, error) {
				c.got.Add(1)
				return true, nil
			}}})
		must(c.Connect(ctx, &paho.Connect{ClientID: id, CleanStart: true, KeepAlive: 300,
			Properties: &paho.ConnectProperties{SessionExpiryInterval: &expiry}}))
		return c
	}
	subscribe := func(c *client, filter string) {
		must(c.Subscribe(ctx, &paho.Subscribe{Subscriptions: []paho.SubscribeOptions{{Topic: filter, QoS: 1}}}))
	}
	publish := func(c *client, topic string, n int) {
		for range n {
			must(c.Publish(ctx, &paho.Publish{Topic: topic, QoS: 1, Payload: []byte("job")}))
		}
		time.Sleep(3 * time.Second)
	}

	first, second, boss := connect("first"), connect("second"), connect("boss")
	for _, worker := range []*client{first, second} {
		subscribe(worker, "$share/workers/jobs")
	}
	subscribe(second, "orders of the second")
	publish(boss, "jobs", 200)
	fmt.Println("both workers there: all jobs came:", first.got.Load()+second.got.Load() == 200)
	second.conn.Close()
	known := true
	for end := time.Now().Add(20 * time.Second); known && time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		_, known = server.Clients.Get("second")
	}
	fmt.Println("the second is cut off: the server knows it:", known)
	before := first.got.Load()
	publish(boss, "jobs", 200)
	n := first.got.Load() - before
	fmt.Println("of 200 jobs more than 40 came to the first:", n > 40, ", more than 40 to nobody:", n < 160)
	second = connect("second")
	publish(boss, "orders of the second", 1)
	fmt.Println("the second is back with CleanStart, without a subscription: messages:", second.got.Load())
}
END
GOWORK=off GOFLAGS=-mod=mod timeout 590 go build -o finding . 2>err || cat err
timeout 80 ./finding 2>/dev/null | tee seen
diff seen - <<'END'
both workers there: all jobs came: true
the second is cut off: the server knows it: false
of 200 jobs more than 40 came to the first: true , more than 40 to nobody: true
the second is back with CleanStart, without a subscription: messages: 1
END
echo "as found: mochi-mqtt v2.7.9"
