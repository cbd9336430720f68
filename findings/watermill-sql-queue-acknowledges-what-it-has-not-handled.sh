#!/usr/bin/env bash
# github.com/ThreeDotsLabs/watermill-sql v4.1.2, Go 1.26, PostgreSQL 15 of Debian 12.
#
# Guess: with the queue adapters for PostgreSQL a message whose handler does not acknowledge it within the AckDeadline
#        comes again, and so do the messages behind it, as with the other adapters; after Close they come to the next
#        subscriber.
# Seen:  if a message before it in the batch was acknowledged, they are all marked as acknowledged and never come: the
#        one that was at work, and up to 98 behind it, which no handler has seen. The subscriber stops at the first
#        message without an acknowledgement, and then acknowledges every row of the batch. An orderly Close under load
#        loses messages. If the first of a batch is the one without an acknowledgement, nothing is lost.
set -euo pipefail
pg=$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | tail -n 1)
[ -n "$pg" ] || { echo "install the Debian package postgresql" >&2; exit 1; }
dir=$(mktemp -d)
chmod 711 "$dir"
mkdir "$dir/pg"
as=()
[ "$(id -u)" != 0 ] || { chown postgres "$dir/pg"; as=(runuser -u postgres --); }
trap '"${as[@]}" "$pg/pg_ctl" -D "$dir/pg/data" -m immediate stop >/dev/null 2>&1 || true; rm -rf "$dir"' EXIT
cd "$dir"
"${as[@]}" "$pg/initdb" -D "$dir/pg/data" -U postgres -A trust >/dev/null
"${as[@]}" "$pg/pg_ctl" -D "$dir/pg/data" -o "-k $dir/pg -c listen_addresses=''" -l "$dir/pg/log" -w start >/dev/null
cat >go.mod <<'END'
module finding

go 1.26.0

require (
	github.com/ThreeDotsLabs/watermill v1.5.1
	github.com/ThreeDotsLabs/watermill-sql/v4 v4.1.2
	github.com/lib/pq v1.10.9
)
END
cat >main.go <<'END'
package main

import (
	"context"
	stdsql "database/sql"
	"fmt"
	"os"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill-sql/v4/pkg/sql"
	"github.com/ThreeDotsLabs/watermill/message"
	_ "github.com/lib/pq"
)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func main() {
	db := must(stdsql.Open("postgres", "postgres://postgres@/postgres?sslmode=disable&host="+os.Args[1]))
	deadline := 4 * time.Second
	for _, name := range []string{"default", "queue"} {
		for _, event := range []string{"late", "closed"} {
			var schema sql.SchemaAdapter = sql.DefaultPostgreSQLSchema{}
			var offsets sql.OffsetsAdapter = sql.DefaultPostgreSQLOffsetsAdapter{}
			if name == "queue" {
				schema, offsets = sql.PostgreSQLQueueSchema{}, sql.PostgreSQLQueueOffsetsAdapter{}
			}
			topic := "orders_" + name + "_" + event
			subscriber := func() *sql.Subscriber {
				s := must(sql.NewSubscriber(sql.BeginnerFromStdSQL(db), sql.SubscriberConfig{SchemaAdapter: schema,
					OffsetsAdapter: offsets, AckDeadline: &deadline, InitializeSchema: true}, watermill.NopLogger{}))
				if err := s.SubscribeInitialize(topic); err != nil {
					panic(err)
				}
				return s
			}
			s := subscriber()
			publisher := must(sql.NewPublisher(sql.BeginnerFromStdSQL(db), sql.PublisherConfig{SchemaAdapter: schema}, watermill.NopLogger{}))
			var batch []*message.Message
			for i := range 5 {
				batch = append(batch, message.NewMessage(fmt.Sprint(i+1), []byte("{}")))
			}
			if err := publisher.Publish(topic, batch...); err != nil {
				panic(err)
			}
			messages := must(s.Subscribe(context.Background(), topic))
			var seen []string
			first := true
			for end := time.After(14 * time.Second); end != nil; {
				select {
				case m := <-messages:
					seen = append(seen, m.UUID)
					if m.UUID == "2" && first { // something happens while the second message is at work for the first time
						first = false
						if event == "closed" {
							s.Close()
							s = subscriber()
							messages = must(s.Subscribe(context.Background(), topic))
						} else {
							<-m.Context().Done()
						}
						continue
					}
					m.Ack()
				case <-end:
					end = nil
				}
			}
			fmt.Println("adapters:", name, "- the subscriber is", event, "at the second of five, handled are", seen)
		}
	}
}
END
GOWORK=off GOFLAGS=-mod=mod timeout 200 go build -o finding . 2>err || cat err
timeout 85 ./finding "$dir/pg" 2>/dev/null | tee seen
diff seen - <<'END'
adapters: default - the subscriber is late at the second of five, handled are [1 2 2 3 4 5]
adapters: default - the subscriber is closed at the second of five, handled are [1 2 2 3 4 5]
adapters: queue - the subscriber is late at the second of five, handled are [1 2]
adapters: queue - the subscriber is closed at the second of five, handled are [1 2]
END
echo "as found: watermill-sql v4.1.2"
