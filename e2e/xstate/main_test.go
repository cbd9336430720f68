package xstate_test

import (
	"flag"
	"fmt"
	"os"
	"testing"

	"go.uber.org/goleak"
)

const charts, steps = 1000, 50 // steps of each chart

func TestMain(m *testing.M) {
	// A flag of the command line has the last word.
	if err := flag.Set("rapid.checks", fmt.Sprint(charts)); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	goleak.VerifyTestMain(m)
}
