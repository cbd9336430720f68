package main

import (
	"testing"

	"github.com/leasehold-go/leasehold/examples/internal/fleet"
	"github.com/leasehold-go/leasehold/internal/built"
)

func TestMain(m *testing.M) { built.Main(m) }

// Three members join, and the two that stay share all shards in the end.
func TestMembersShareTheShards(t *testing.T) {
	f := fleet.New(t, built.Racing(t, "examples/shards"), "-pause", "1s")
	p := f.Start()
	f.Expect(`\.1 has \d+ of 64 shards, of \d members$`)
	for last := make(map[string]string); last["2"] != "32" || last["3"] != "32"; {
		has := f.Expect(`\.(\d) has (\d+) of 64 shards, of \d members$`)
		last[has[0]] = has[1]
	}
	p.Stop()
}
