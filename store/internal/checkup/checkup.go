// Package checkup has the parts that the checks of the backends share: round trips, and clocks
// of servers.
package checkup

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/leasehold-go/leasehold/store"
)

const (
	samples     = 50
	sampleLimit = time.Second // after which no further sample is taken
)

// Sample makes a call up to fifty times, within about a second, and returns how long each took. It
// stops at the first error, and returns that.
func Sample(ctx context.Context, call func() error) (all []time.Duration, err error) {
	for start := time.Now(); len(all) < samples && time.Since(start) < sampleLimit && ctx.Err() == nil; {
		sent := time.Now()
		if err := call(); err != nil {
			return all, err
		}
		all = append(all, time.Since(sent))
	}
	return all, ctx.Err()
}

// Latency is the finding about calls that took so long. It compares them with the default heartbeat
// of a TTL, a third of it.
func Latency(server, call string, all []time.Duration, ttl time.Duration) store.Finding {
	all = slices.Sorted(slices.Values(all))
	p50, p99 := all[len(all)/2], all[len(all)*99/100]
	heartbeat := ttl / 3
	f := store.Finding{Check: "latency", Server: server, Level: store.LevelOK,
		Seen: fmt.Sprintf("%s: p50 %v, p99 %v of %d, with a heartbeat of %v", call, round(p50), round(p99), len(all), round(heartbeat))}
	least := max((30*p99).Truncate(time.Second)+time.Second, store.MinTTL)
	switch {
	case p99 >= heartbeat:
		f.Level = store.LevelUnsafe
		f.Advice = fmt.Sprintf("a renew can take longer than the heartbeat, so leases end early: find out why the server is slow, or use a TTL of %v", least)
	case p99 > heartbeat/10:
		f.Level = store.LevelWarn
		f.Advice = fmt.Sprintf("a renew takes more than a tenth of the heartbeat: a TTL of %v leaves more room", least)
	}
	return f
}

// Clock is a reading of a server's wall clock.
type Clock struct {
	Server string
	Ahead  time.Duration // of the clock of this machine; negative if it is behind
	Within time.Duration // the largest error of Ahead
}

// Read is a reading for an answer that has the server's time, to a precision.
func Read(server string, sent, received, time time.Time, precision time.Duration) Clock {
	// The server read its clock between the two instants, and cut off the part below the precision.
	half := received.Sub(sent) / 2
	return Clock{server, time.Add(precision / 2).Sub(sent.Add(half)), half + precision/2}
}

// offBy is how far clocks may be apart without a warning.
const offBy = time.Second

// Finding compares the clock with that of this machine.
func (c Clock) Finding() store.Finding {
	f := store.Finding{Check: "clock", Server: c.Server, Level: store.LevelOK, Seen: c.words()}
	if c.Ahead.Abs()-c.Within > offBy {
		f.Level = store.LevelWarn
		f.Advice = "leases do not depend on it, but the times that programs publish and the ages of records do: keep both clocks with NTP"
	}
	return f
}

func (c Clock) words() string {
	switch {
	case c.Ahead.Abs() <= c.Within:
		return fmt.Sprintf("as on this machine, to %v", round(c.Within))
	case c.Ahead < 0:
		return fmt.Sprintf("%v behind this machine, to %v", round(-c.Ahead), round(c.Within))
	}
	return fmt.Sprintf("%v ahead of this machine, to %v", round(c.Ahead), round(c.Within))
}

// Apart compares the clocks of servers, at least one, with each other. Tokens are made from them if
// matter is true.
func Apart(all []Clock, ttl time.Duration, matter bool) store.Finding {
	byAhead := func(a, b Clock) int { return cmp.Compare(a.Ahead, b.Ahead) }
	last, first := slices.MinFunc(all, byAhead), slices.MaxFunc(all, byAhead)
	apart, within := first.Ahead-last.Ahead, first.Within+last.Within
	f := store.Finding{Check: "clocks", Level: store.LevelOK,
		Seen: fmt.Sprintf("%d servers at most %v apart, to %v", len(all), round(apart), round(within))}
	if apart-within <= offBy {
		return f
	}
	f.Level = store.LevelWarn
	f.Seen += fmt.Sprintf(": %s is behind %s", last.Server, first.Server)
	f.Advice = "keep the clocks of the servers with NTP"
	if matter {
		f.Advice += ": after a failover to a server that is behind, a token can be smaller than an earlier one"
		if apart-within > ttl {
			f.Level = store.LevelUnsafe
		}
	}
	return f
}

// round leaves about three digits.
func round(d time.Duration) time.Duration {
	for unit := time.Duration(1); ; unit *= 10 {
		if d.Abs() < 1000*unit {
			return d.Round(unit)
		}
	}
}
