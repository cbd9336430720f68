package main

import (
	"fmt"
	"math"

	"github.com/leasehold-go/leasehold/internal/figures"
)

// us is leasehold; the store is leasehold without a keeper.
const (
	us      = "leasehold"
	ourPart = "leasehold-store"
)

// rivals are the other locks on Redis.
var rivals = []string{"redislock", "redsync", "rueidislock"}

// target is a bound on one figure of ours.
type target struct {
	text    string
	limit   float64
	atLeast bool // otherwise at most
	unit    string
	of      func(figures.Results) figures.Spread
}

var targets = []target{
	{text: "acquire and release, 64 callers, times raw", limit: 1.3, atLeast: true, unit: "×", of: versus("Crowd", us, "raw", "ops/s")},
	{text: "the same, times the fastest of redislock, redsync and rueidislock", limit: 1, atLeast: true, unit: "×", of: lead("Crowd", "ops/s", true)},
	{text: "acquire and release, one caller, of raw's time", limit: 1.7, unit: "×", of: versus("Alone", us, "raw", "µs/op")},
	{text: "allocations a cycle, one caller", limit: 30, of: figure("Alone", "allocs/op")},
	{text: "CPU of the server a cycle, 64 callers, of raw's auto-pipelined", limit: 4.5, unit: "×", of: versus("Crowd", us, "raw-piped", "server-µs/op")},
	{text: "renew in batches of 256, times pipelines by hand", limit: 0.6, atLeast: true, unit: "×", of: versus("Renew", ourPart, "by-hand", "ops/s")},
	{text: "the same, where keys share a call", limit: 0.75, atLeast: true, unit: "×", of: versus("Renew", ourPart, "by-hand", "ops/s")},
	{text: "handover, of publish and retry by hand", limit: 1.3, unit: "×", of: versus("Handover", us, "by-hand", "ms/op")},
	{text: "handover, of the fastest of redislock, redsync and rueidislock", limit: 1, unit: "×", of: lead("Handover", "ms/op", false)},
	{text: "handover, p99 in medians", limit: 3, of: figure("Handover/pooled", "p99/p50")},
	{text: "many leases, client CPU a heartbeat period, of pipelines by hand", limit: 1.5, unit: "×", of: versus("Fleet", us, "by-hand", "client-s/period")},
	{text: "live heap a lease, its key and 100-byte value included", limit: 500, unit: " B", of: figure("Fleet", "B/lease")},
	{text: "Close of many leases, of pipelines by hand", limit: 1.5, unit: "×", of: versus("Fleet", us, "by-hand", "close-ms")},
	{text: "records left after that Close", limit: 0, of: figure("Fleet", "left")},
	{text: "etcd, 64 callers, times concurrency.Mutex on a shared session", limit: 1.2, atLeast: true, unit: "×", of: versus("EtcdCrowd", us, "mutex", "ops/s")},
	{text: "etcd, many waiters of one key: requests a handover", limit: 10, of: figure("EtcdQueue", "requests/op")},
	{text: "etcd, many waiters of one key: p99 of a handover", limit: 50, unit: " ms", of: figure("EtcdQueue/pooled", "p99-ms")},
	{text: "one waiter beside many keys that begin like its own, commands", limit: 10, of: figure("Neighbours", "commands")},
	{text: "live heap left by a cycle of acquire and release", limit: 1, unit: " B", of: figure("Flat/cycles", "B-left/op")},
	{text: "goroutines left by all of them", limit: 0, of: figure("Flat/cycles", "goroutines-left")},
	{text: "live heap left by a waiter that came and went", limit: 1, unit: " B", of: figure("Flat/waiters", "B-left/op")},
	{text: "goroutines left by all of them", limit: 0, of: figure("Flat/waiters", "goroutines-left")},
	{text: "leases lost in the soak", limit: 0, of: figure("Soak", "lost")},
}

func series(bench, lib, unit string) figures.Series {
	return figures.Series{Bench: bench, Lib: lib, Procs: 1, Unit: unit}
}

func figure(bench, unit string) func(figures.Results) figures.Spread {
	return func(r figures.Results) figures.Spread { return r.Value(series(bench, us, unit)) }
}

// versus is our figure as a multiple of another's.
func versus(bench, ours, other, unit string) func(figures.Results) figures.Spread {
	return func(r figures.Results) figures.Spread {
		return r.Ratio(series(bench, ours, unit), series(bench, other, unit))
	}
}

// lead is our figure as a multiple of that of the best rival.
func lead(bench, unit string, more bool) func(figures.Results) figures.Spread {
	return func(r figures.Results) figures.Spread {
		best, name := math.NaN(), ""
		for _, lib := range rivals {
			v := r.Value(series(bench, lib, unit)).Median
			if !math.IsNaN(v) && (math.IsNaN(best) || more && v > best || !more && v < best) {
				best, name = v, lib
			}
		}
		return r.Ratio(series(bench, us, unit), series(bench, name, unit))
	}
}

// verdict judges the median: "met", or by how much it was missed. A figure that was not
// measured has none.
func (t target) verdict(v float64) string {
	miss := v - t.limit
	if t.atLeast {
		miss = t.limit - v
	}
	switch {
	case math.IsNaN(v):
		return "not measured"
	case miss <= 0:
		return "met"
	case t.limit == 0:
		return fmt.Sprintf("**missed** by %s%s", figures.Round(miss), t.unit)
	}
	return fmt.Sprintf("**missed** by %s %%", figures.Round(100*miss/t.limit))
}

func (t target) bound() string {
	if t.atLeast {
		return fmt.Sprintf("≥ %g%s", t.limit, t.unit)
	}
	return fmt.Sprintf("≤ %g%s", t.limit, t.unit)
}
