package main

import (
	"os/exec"
	"testing"

	"github.com/leasehold-go/leasehold/examples/internal/readmetest"
	"github.com/leasehold-go/leasehold/fsm/fsmdraw"
)

func TestReadmeDrawingMatchesTheDefinition(t *testing.T) {
	readmetest.Block(t, "mermaid", fsmdraw.Mermaid(lifecycle))
}

func TestReadmeStoryMatchesTheProgram(t *testing.T) {
	story, err := exec.Command(binary(t)).CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, story)
	}
	readmetest.Block(t, "text", string(story))
}
