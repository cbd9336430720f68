// Command http is an HTTP service that one instance at a time gives, on a store in process memory, with
// probes and a drain at its end.
//
//	go run ./examples/http
//
// Package service has the program; the folder servers has the same for any store, for instances in
// processes of their own.
package main

import (
	"github.com/leasehold-go/leasehold/examples/http/service"
	"github.com/leasehold-go/leasehold/examples/internal/program"
)

func main() { service.Command(program.Memory).Main() }
