// Command shards runs 64 shards over all members of a fleet, on a store in process memory: three
// members join one after the other, and the first leaves.
//
//	go run ./examples/shards
//
// Package member has the program; the folder servers has the same for any store, for members in
// processes of their own.
package main

import (
	"github.com/leasehold-go/leasehold/examples/internal/program"
	"github.com/leasehold-go/leasehold/examples/shards/member"
)

func main() { member.Command(program.Memory).Main() }
