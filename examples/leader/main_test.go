package main

import (
	"strconv"
	"testing"

	"github.com/leasehold-go/leasehold/examples/internal/fleet"
	"github.com/leasehold-go/leasehold/internal/built"
)

func TestMain(m *testing.M) { built.Main(m) }

// All three candidates come to lead, one after the other, each with a larger token.
func TestCandidatesTakeTurns(t *testing.T) {
	f := fleet.New(t, built.Racing(t, "examples/leader"), "-term", "50ms")
	p := f.Start()
	led, last := make(map[string]bool), 0
	for n := 0; n < 6 || len(led) < 3; n++ {
		begun := f.Expect(`^(candidate-\S+) leads with token (\d+)$`)
		token, err := strconv.Atoi(begun[1])
		if err != nil || token <= last {
			t.Errorf("token %s after %d, %v", begun[1], last, err)
		}
		if line, want := f.Next(), begun[0]+" no longer leads"; line != want {
			t.Fatalf("the next line is %q, not %q", line, want)
		}
		led[begun[0]], last = true, token
	}
	p.Stop()
}
