package main

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/leasehold-go/leasehold/internal/figures"
)

// The page has its own text around the generated part.
const (
	begin = "<!-- locks: begin; `go run ./cmd/locks -write` in bench/locks/ writes what follows -->"
	end   = "<!-- locks: end -->"
)

// table is a comparison of contenders, each with its own rows. Every figure but the first
// column's is also given as a multiple of it.
type table struct {
	text string
	libs []string // the first is what the others are compared with
	rows []row
}

type row struct{ bench, unit, text string }

var onRedis = []string{"raw", "raw-piped", "redislock", "redsync", "rueidislock", ourPart, us}

var tables = []table{
	{"Acquire and release on Redis.", onRedis, []row{
		{"Alone", "µs/op", "one caller, µs"},
		{"Alone", "allocs/op", "allocations"},
		{"Alone", "server-µs/op", "CPU of the server, µs"},
		{"Crowd", "ops/s", "64 callers, cycles a second"},
		{"Crowd", "allocs/op", "allocations"},
		{"Crowd", "client-µs/op", "CPU of the client, µs"},
		{"Crowd", "server-µs/op", "CPU of the server, µs"},
	}},
	{"Renewals in batches of 256.", []string{"by-hand", ourPart}, []row{
		{"Renew", "ops/s", "renewals a second"},
		{"Renew", "allocs/op", "allocations"},
		{"Renew", "client-µs/op", "CPU of the client, µs"},
		{"Renew", "server-µs/op", "CPU of the server, µs"},
	}},
	{"From the call that releases a key to the waiter that has it, on Redis.", []string{"by-hand", "redislock", "redsync", "rueidislock", us}, []row{
		{"Handover", "ms/op", "median of the rounds, ms"},
		{"Handover/pooled", "p99-ms", "p99 of all, ms"},
	}},
	{"A release beside processes that listen.", []string{"by-hand", us}, []row{
		{"Listeners/few", "server-µs/op", "CPU of the server a cycle, one listener, µs"},
		{"Listeners/many", "server-µs/op", "the same, many listeners"},
	}},
	{"Many leases in one process.", []string{"by-hand", us}, []row{
		{"Fleet", "client-s/period", "CPU of the client a heartbeat period, s"},
		{"Fleet", "close-ms", "release of all, ms"},
		{"Fleet", "left", "records left"},
		{"Fleet", "B/lease", "live heap a lease, B"},
		{"Flat/cycles", "B-left/op", "live heap left by a cycle, B"},
		{"Flat/waiters", "B-left/op", "live heap left by a waiter that came and went, B"},
		{"Soak", "lost", "leases lost in the soak"},
		{"Soak", "renewals/lease", "renewals of a lease in the soak"},
		{"Neighbours", "commands", "commands for one waiter beside many keys"},
	}},
	{"On etcd.", []string{"mutex", "raw", "by-hand", ourPart, us}, []row{
		{"EtcdCrowd", "ops/s", "64 callers, cycles a second"},
		{"EtcdHandover", "ms/op", "handover to one waiter, ms"},
		{"EtcdHandover/pooled", "p99-ms", "p99 of all, ms"},
		{"EtcdQueue", "p50-ms", "handover beside many waiters, ms"},
		{"EtcdQueue/pooled", "p99-ms", "p99 of all, ms"},
		{"EtcdQueue", "requests/op", "requests of the client"},
	}},
}

// report is everything there is to say, in Markdown.
func report(r figures.Results) string {
	var b strings.Builder
	b.WriteString("| target | bound | measured | |\n|---|---|---|---|\n")
	for _, t := range targets {
		v := t.of(r)
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", t.text, t.bound(), spread(v, t.unit), t.verdict(v.Median))
	}
	for _, t := range tables {
		b.WriteString(t.markdown(r))
	}
	for _, key := range slices.Sorted(maps.Keys(r.Config)) {
		if name, ok := strings.CutPrefix(key, "failed-"); ok {
			fmt.Fprintf(&b, "\n%s failed: %s\n", name, r.Config[key])
		}
	}
	b.WriteString("\n" + circumstancesOf(r))
	return b.String()
}

// section is the report with the picture ahead of it, as the page shows it.
func section(r figures.Results) string {
	return "![the same figures as bars](locks.svg)\n\n" + report(r)
}

// spread is a median with its quartiles.
func spread(v figures.Spread, unit string) string {
	if math.IsNaN(v.Median) {
		return "–"
	}
	return v.Text(unit)
}

// markdown is the table without the rows that were not measured, or nothing if there are
// none.
func (t table) markdown(r figures.Results) string {
	var rows strings.Builder
	for _, row := range t.rows {
		measured := false
		line := fmt.Sprintf("| %s |", row.text)
		for _, lib := range t.libs {
			s := series(row.bench, lib, row.unit)
			v := r.Value(s).Median
			measured = measured || !math.IsNaN(v)
			line += fmt.Sprintf(" %s |", t.cell(r, s, v))
		}
		if measured {
			rows.WriteString(line + "\n")
		}
	}
	if rows.Len() == 0 {
		return ""
	}
	return fmt.Sprintf("\n%s In brackets: times %s.\n\n| | %s |\n|---%s|\n%s", t.text, t.libs[0],
		strings.Join(t.libs, " | "), strings.Repeat("|---", len(t.libs)), rows.String())
}

func (t table) cell(r figures.Results, s figures.Series, median float64) string {
	if math.IsNaN(median) {
		return "–"
	}
	base := s
	base.Lib = t.libs[0]
	ratio := r.Ratio(s, base).Median
	if s == base || math.IsNaN(ratio) {
		return figures.Round(median)
	}
	return fmt.Sprintf("%s (%s×)", figures.Round(median), figures.Round(ratio))
}

func circumstancesOf(r figures.Results) string {
	c := r.Config
	return fmt.Sprintf("Measured on %s (%s processors, which client and servers share), %s/%s, %s, redis-server %s; load average %s before and %s after. "+
		"%s rounds; %s leases with a heartbeat of %s; soak of %s; %s handovers; %s listeners; %s waiters; %s keys beside a waiter, for %s. Clients and peers: %s.\n",
		c["cpu"], c["processors"], c["goos"], c["goarch"], c["go"], c["redis-server"], c["load-before"], c["load-after"],
		c["rounds"], c["leases"], c["heartbeat"], c["soak"], c["handovers"], c["listeners"], c["waiters"], c["neighbours"], c["watched"], r.Peers())
}
