package main

import (
	"testing"

	"github.com/leasehold-go/leasehold/examples/internal/fleet"
	"github.com/leasehold-go/leasehold/internal/built"
)

func TestMain(m *testing.M) { built.Main(m) }

// The program connects, loses its connection and is subscribed again by itself, until it is told to end.
func TestProgram(t *testing.T) {
	f := fleet.New(t, built.Racing(t, "examples/connection"), "-for", "1h")
	p := f.Start()
	f.Expect("the server is down")
	f.Expect("received tick")
	f.Expect("subscribed -> waiting: lost")
	f.Expect("waiting -> connecting: timeout after backoff in waiting")
	f.Expect("received tick")
	p.Stop()
}
