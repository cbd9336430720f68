package xstate_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"testing"
)

// result is the outcome of a step.
type result struct {
	State string   `json:"state"` // the leaf
	Trace []string `json:"trace"` // of the hooks and actions, and of refusals
	Taken bool     `json:"taken"` // there was a rule or an edge for the event, even if its guards refused
	Done  bool     `json:"done"`  // XState has ended the machine
}

// xstate is a node process that runs charts with XState.
type xstate struct {
	charts  *json.Encoder
	results *json.Decoder
}

// newXState starts a node process, which ends with the test.
func newXState(t *testing.T) *xstate {
	if _, err := os.Stat("node_modules/xstate"); err != nil {
		t.Fatalf("XState is not installed: run npm ci in e2e/xstate, or ./test.sh: %v", err)
	}
	said := new(bytes.Buffer)
	cmd := exec.Command("node", "run.mjs")
	cmd.Stderr = said
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatalf("start the Debian package nodejs: %v", err)
	}
	t.Cleanup(func() {
		in.Close()
		if err := cmd.Wait(); err != nil {
			t.Errorf("node: %v\n%s", err, said)
		}
	})
	return &xstate{json.NewEncoder(in), json.NewDecoder(out)}
}

// run returns the results of a machine's steps.
func (x *xstate) run(m *machine) (results []result, err error) {
	if err = x.charts.Encode(m); err == nil {
		err = x.results.Decode(&results)
	}
	if err != nil {
		return nil, fmt.Errorf("node does not answer: %w", err)
	}
	return results, nil
}
