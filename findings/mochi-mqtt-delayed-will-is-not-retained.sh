#!/usr/bin/env bash
# github.com/mochi-mqtt/server v2.7.9, github.com/eclipse/paho.golang v0.23.0 (MQTT 5), Go 1.26.
#
# Guess: presence with a retained "online" and a retained will "offline" that has a delay: when the client is cut off, the
#        topic says "offline" from then on. MQTT 5 has the will published when the delay has passed or the session ends,
#        whichever is first.
# Seen:  if the client has set no SessionExpiryInterval, the default, the will is published late and not retained: those
#        who subscribe later read "online" for ever. The session ends with the connection, and the will waits for its
#        delay all the same; then the server retains it only if it still knows the client. With an expiry, also of 0, or
#        without a delay, the will is retained.
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
	got  chan string
}

func (c *client) next() string {
	select {
	case payload := <-c.got:
		return payload
	case <-time.After(9 * time.Second):
		return "nothing"
	}
}

func main() {
	ctx, cancel := context.WithTimeout(context.Background(), 70*time.Second)
	defer cancel()
	server := mqtt.New(&mqtt.Options{Logger: slog.New(slog.NewTextHandler(io.Discard, nil))})
	listener := listeners.NewTCP(listeners.Config{ID: "tcp", Address: "127.0.0.1:0"})
	for _, err := range []error{server.AddHook(new(auth.AllowHook), nil), server.AddListener(listener), server.Serve()} {
		if err != nil {
			panic(err)
		}
	}
	defer server.Close()
	connect := func(connect *paho.Connect) *client {
		c := &client{conn: must(net.Dial("tcp", listener.Address())), got: make(chan string, 10)}
		c.Client = paho.NewClient(paho.ClientConfig{Conn: c.conn,
			OnPublishReceived: []func(paho.PublishReceived) (bool, error){func(p paho.PublishReceived) (bool, error) {
				c.got <- string(p.Packet.Payload)
				return true, nil
			}}})
		connect.CleanStart, connect.KeepAlive = true, 300
		must(c.Connect(ctx, connect))
		return c
	}
	reader := func(id, topic string) *client {
		c := connect(&paho.Connect{ClientID: id})
		must(c.Subscribe(ctx, &paho.Subscribe{Subscriptions: []paho.SubscribeOptions{{Topic: topic, QoS: 1}}}))
		return c
	}
	zero, hour, delay, none := uint32(0), uint32(3600), uint32(3), uint32(0)
	for _, test := range []struct {
		name          string
		expiry, delay *uint32
	}{
		{"no expiry, no delay", nil, &none},
		{"expiry 0, delay 3 s", &zero, &delay},
		{"expiry 1 h, delay 3 s", &hour, &delay},
		{"no expiry, delay 3 s", nil, &delay},
	} {
		topic := "status/" + test.name
		early := reader("early reader of "+test.name, topic)
		worker := connect(&paho.Connect{ClientID: test.name, Properties: &paho.ConnectProperties{SessionExpiryInterval: test.expiry},
			WillMessage:    &paho.WillMessage{Topic: topic, Payload: []byte("offline"), QoS: 1, Retain: true},
			WillProperties: &paho.WillProperties{WillDelayInterval: test.delay}})
		must(worker.Publish(ctx, &paho.Publish{Topic: topic, Payload: []byte("online"), QoS: 1, Retain: true}))
		fmt.Printf("%s: reader reads %s, ", test.name, early.next())
		worker.conn.Close()
		fmt.Printf("after the cut %s; ", early.next())
		time.Sleep(time.Second)
		fmt.Printf("a later reader reads %s\n", reader("later reader of "+test.name, topic).next())
	}
}
END
GOWORK=off GOFLAGS=-mod=mod timeout 590 go build -o finding . 2>err || cat err
timeout 80 ./finding 2>/dev/null | tee seen
diff seen - <<'END'
no expiry, no delay: reader reads online, after the cut offline; a later reader reads offline
expiry 0, delay 3 s: reader reads online, after the cut offline; a later reader reads offline
expiry 1 h, delay 3 s: reader reads online, after the cut offline; a later reader reads offline
no expiry, delay 3 s: reader reads online, after the cut offline; a later reader reads online
END
echo "as found: mochi-mqtt v2.7.9"
