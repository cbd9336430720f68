package main

import (
	"fmt"

	"github.com/leasehold-go/leasehold/internal/figures"
)

// panels are the comparisons that the plot shows.
var panels = []struct {
	row
	libs []string
}{
	{row{"Alone", "µs/op", "acquire and release, one caller, µs"}, onRedis},
	{row{"Crowd", "ops/s", "the same, 64 callers, cycles a second (longer is better)"}, onRedis},
	{row{"Crowd", "server-µs/op", "CPU of the server a cycle, 64 callers, µs"}, onRedis},
	{row{"Alone", "allocs/op", "allocations a cycle"}, onRedis},
	{row{"Handover", "ms/op", "handover, ms"}, []string{"by-hand", "redislock", "redsync", "rueidislock", us}},
	{row{"Renew", "ops/s", "renewals a second, batches of 256 (longer is better)"}, []string{"by-hand", ourPart}},
	{row{"EtcdCrowd", "ops/s", "etcd, 64 callers, cycles a second (longer is better)"}, []string{"raw", "mutex", ourPart, us}},
	{row{"EtcdHandover", "ms/op", "etcd, handover, ms"}, []string{"by-hand", "mutex", us}},
}

// plot draws medians.
func plot(r figures.Results) figures.Plot {
	p := figures.Plot{
		Title:    "One run: shorter is better, unless the panel says otherwise",
		Subtitle: fmt.Sprintf("medians of %s rounds; client and servers share %s processors", r.Config["rounds"], r.Config["processors"]),
	}
	for _, c := range panels {
		panel := figures.Panel{Title: c.text}
		for _, lib := range c.libs {
			median := r.Value(series(c.bench, lib, c.unit)).Median
			panel.Bars = append(panel.Bars, figures.Bar{Label: lib, Colour: colour(lib), Value: median})
		}
		p.Panels = append(p.Panels, panel)
	}
	return p
}

func colour(lib string) string {
	switch lib {
	case us, ourPart:
		return "#0969da"
	case "raw", "by-hand":
		return "#57606a"
	}
	return "#c8ccd1"
}
