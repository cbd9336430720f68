package main

import (
	"testing"

	"github.com/leasehold-go/leasehold/examples/internal/fleet"
	"github.com/leasehold-go/leasehold/internal/built"
)

func TestMain(m *testing.M) { built.Main(m) }

// One member has all shards, three share them, and the two that stay share those of the first.
func TestMembersShareTheShards(t *testing.T) {
	f := fleet.New(t, built.Racing(t, "examples/shards"), "-pause", "1s")
	p := f.Start()
	f.Expect(`\.1 has 64 of 64 shards, of 1 members$`)
	f.Expect(`\.3 has 2[12] of 64 shards, of 3 members$`)
	f.Expect(`\.[23] has 32 of 64 shards, of 2 members$`)
	p.Stop()
}
