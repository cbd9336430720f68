package connector

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/leasehold-go/leasehold/internal/full"
)

// older is a connector of the registry before leasehold. It puts the same fourteen fields under the
// same key, with plain commands.
type older struct {
	redisPair
	host  string
	state State
}

func (o *older) value() string {
	now := time.Now()
	value, err := json.Marshal(Record{
		ExchangeID: int(o.exchange), ExchangeName: "coinbase", Hostname: optional(o.host), ConnectionState: o.state,
		RegisteredAt: instant{now}, LastHeartbeat: instant{now}, LastStateChange: instant{now},
	})
	if err != nil {
		o.t.Fatal(err)
	}
	return string(value)
}

const olderTTL = 45 * time.Second

// claim takes the key if it is free, or if a program on its own host has it.
func (o *older) claim() error {
	ctx := o.t.Context()
	if o.client.SetNX(ctx, o.key(), o.value(), olderTTL).Val() {
		return nil
	}
	holder := o.read()
	if string(holder.Hostname) == o.host {
		return o.client.Set(ctx, o.key(), o.value(), olderTTL).Err()
	}
	return fmt.Errorf("already held by %s since %s", holder.Hostname, holder.RegisteredAt)
}

// read decodes the fourteen fields as every reader of the key does.
func (o *older) read() (r Record) {
	value, err := o.client.Get(o.t.Context(), o.key()).Bytes()
	if err == nil {
		err = json.Unmarshal(value, &r)
	}
	if err != nil && err != redis.Nil {
		o.t.Error(err)
	}
	return r
}

func (o *older) heartbeat() { o.client.SetXX(o.t.Context(), o.key(), o.value(), olderTTL) }
func (o *older) stop()      { o.client.Del(o.t.Context(), o.key()) }

// One process after the other is replaced, and one is put back.
func TestAFleetOfOlderConnectorsIsReplacedOneByOne(t *testing.T) {
	p := newRedisPair(t)
	first, second := &older{p, "host-a", Active}, &older{p, "host-b", Active}
	if err := first.claim(); err != nil {
		t.Fatal(err)
	}

	early := p.connector("-hostname", "host-b", "-wait")
	early.next("conflict", "foreign", "true")
	early.wantExit(exitConflict) // a supervisor starts it again
	early.wantError("host-a")

	first.stop()
	ours, _ := p.active("-hostname", "host-a", "-admin-email", "ops@example.com")
	if r := second.read(); r.Hostname != "host-a" || r.ConnectionState != Active || r.ExchangeName != "coinbase" ||
		r.AdminEmail != "ops@example.com" || r.RegisteredAt.IsZero() || r.ConnectedAt.IsZero() {
		t.Errorf("an older program reads %+v", r)
	}
	if err := second.claim(); err == nil {
		t.Error("an older program on another host took the key")
	}

	ours.stop() // back to the older version
	ours.wantExit(0)
	if err := second.claim(); err != nil {
		t.Error(err)
	}
}

// The older protocol lets a program take a key that is not its own, in two ways. Then leasehold gives
// up, and does not write over it.
func TestAnOlderConnectorThatTakesTheKeyEndsOurs(t *testing.T) {
	full.Only(t)
	for what, take := range map[string]func(*older) error{
		"a claim on the same host":  (*older).claim,
		"a heartbeat after a pause": func(o *older) error { o.heartbeat(); return nil },
	} {
		t.Run(what, func(t *testing.T) {
			p := newRedisPair(t)
			ours, _ := p.active("-hostname", "host-a", "-heartbeat", "2s")
			theirs := &older{p, "host-a", Idle}
			if err := take(theirs); err != nil {
				t.Fatal(err)
			}
			ours.expect("lost")
			ours.wantExit(exitLost)
			if r := p.record(); !r.Foreign() {
				t.Errorf("the key has %s", r.Value)
			}
			if r := theirs.read(); r.ConnectionState != Idle {
				t.Errorf("theirs is %+v", r)
			}
		})
	}
}
