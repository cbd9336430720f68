// Command leader is leader election, on a store in process memory: three candidates take turns.
//
//	go run ./examples/leader
//
// Package candidate has the program; the folder servers has the same for any store.
package main

import (
	"github.com/leasehold-go/leasehold/examples/internal/program"
	"github.com/leasehold-go/leasehold/examples/leader/candidate"
)

func main() { candidate.Command(program.Memory).Main() }
