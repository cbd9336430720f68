// Command cron runs a job once across a fleet at each tick, on a store in process memory: each of three
// members runs it for two ticks and leaves.
//
//	go run ./examples/cron
//
// Package schedule has the program; the folder servers has the same for any store, for members in
// processes of their own.
package main

import (
	"github.com/leasehold-go/leasehold/examples/cron/schedule"
	"github.com/leasehold-go/leasehold/examples/internal/program"
)

func main() { schedule.Command(program.Memory).Main() }
