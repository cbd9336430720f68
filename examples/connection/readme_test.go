package main

import (
	"testing"

	"github.com/leasehold-go/leasehold/examples/internal/readmetest"
	"github.com/leasehold-go/leasehold/fsm/fsmdraw"
)

func TestReadmeDrawingMatchesTheDefinition(t *testing.T) {
	readmetest.Block(t, "mermaid", fsmdraw.Mermaid(lifecycle))
}
