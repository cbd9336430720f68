#!/usr/bin/env bash
# github.com/ThreeDotsLabs/watermill-sql v4.1.2, Go 1.26, PostgreSQL 15 of Debian 12.
#
# Guess: a delayed subscriber with AllowNoDelay hands over a message without a delay at once, and once if it is
#        acknowledged: without DeleteOnAck the row stays, marked as acknowledged.
# Seen:  it hands the message over again and again, as fast as it can, though each time it is acknowledged. The condition
#        of its query is put together without parentheses: "acked = false AND due OR without a delay" holds for every
#        row without a delay. Messages with a delay come once, and with DeleteOnAck all do.
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
	"github.com/ThreeDotsLabs/watermill/components/delay"
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
	for _, deleted := range []bool{true, false} {
		topic := fmt.Sprint("orders_", deleted)
		publisher := must(sql.NewDelayedPostgreSQLPublisher(sql.BeginnerFromStdSQL(db), sql.DelayedPostgreSQLPublisherConfig{
			DelayPublisherConfig: delay.PublisherConfig{AllowNoDelay: true}}))
		subscriber := must(sql.NewDelayedPostgreSQLSubscriber(sql.BeginnerFromStdSQL(db), sql.DelayedPostgreSQLSubscriberConfig{
			AllowNoDelay: true, DeleteOnAck: deleted}))
		later, now := message.NewMessage(watermill.NewUUID(), []byte("{}")), message.NewMessage(watermill.NewUUID(), []byte("{}"))
		delay.Message(later, delay.For(2*time.Second))
		if err := publisher.Publish(topic, later, now); err != nil {
			panic(err)
		}
		messages := must(subscriber.Subscribe(context.Background(), topic))
		handled := map[string]int{}
		for end := time.After(20 * time.Second); end != nil; {
			select {
			case m := <-messages:
				handled[m.UUID]++
				m.Ack()
				time.Sleep(100 * time.Millisecond)
			case <-end:
				end = nil
			}
		}
		fmt.Printf("DeleteOnAck %v: with a delay: handled once %v; without a delay: once %v, ten times or more %v\n",
			deleted, handled[later.UUID] == 1, handled[now.UUID] == 1, handled[now.UUID] >= 10)
		subscriber.Close()
	}
}
END
GOWORK=off GOFLAGS=-mod=mod timeout 200 go build -o finding . 2>err || cat err
timeout 85 ./finding "$dir/pg" 2>/dev/null | tee seen
diff seen - <<'END'
DeleteOnAck true: with a delay: handled once true; without a delay: once true, ten times or more false
DeleteOnAck false: with a delay: handled once true; without a delay: once false, ten times or more true
END
echo "as found: watermill-sql v4.1.2"
