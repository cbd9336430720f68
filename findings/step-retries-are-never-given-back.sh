#!/usr/bin/env bash
# github.com/coinbase/step v1.0.6, "an implementation of the AWS State Machine specification" for tests, Go 1.26.
#
# Guess: a state that is entered again, as in a loop that takes a lock, has all its attempts of Retry again, as in AWS Step
#        Functions; all the more in a second execution of the machine.
# Seen:  it has those that are left. From the third failure on, in one execution or spread over several, a machine that
#        allows for two attempts fails at its first error. The attempts are counted in the definition of the machine,
#        and nothing sets the count back: a test fails or passes with what was executed before it.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat >go.mod <<'EOF'
module finding

go 1.26.0

require github.com/coinbase/step v1.0.6
EOF
cat >main.go <<'EOF'
package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/coinbase/step/machine"
)

type Taken struct{ error }

const definition = `{"StartAt": "Lock", "States": {
	"Lock": {"Type": "Task", "Resource": "lock", "Retry": [{"ErrorEquals": ["Taken"], "MaxAttempts": 2}], "Next": "More?"},
	"More?": {"Type": "Choice", "Choices": [{"Variable": "$.more", "BooleanEquals": true, "Next": "Lock"}], "Default": "Done"},
	"Done": {"Type": "Succeed"}}}`

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// execute takes the lock as often as asked, each time at the second try.
func execute(what string, m *machine.StateMachine, turns int) {
	calls := 0
	if err := m.SetTaskHandler("Lock", func(context.Context, map[string]any) (any, error) {
		calls++
		if calls%2 == 1 {
			return nil, Taken{errors.New("taken")}
		}
		return map[string]bool{"more": calls < 2*turns}, nil
	}); err != nil {
		panic(err)
	}
	execution, err := m.Execute(map[string]any{})
	fmt.Printf("%s: %q, error: %v\n", what, execution.Path(), err)
}

func main() {
	execute("three turns", must(machine.FromJSON([]byte(definition))), 3)
	m := must(machine.FromJSON([]byte(definition)))
	for i := range 3 {
		execute(fmt.Sprintf("execution %d", i+1), m, 1)
	}
}
EOF
GOWORK=off GOFLAGS=-mod=mod timeout 900 go build -p 2 -o finding . 2>err || { cat err; exit 1; }
timeout 30 ./finding | tee seen
diff seen - <<'EOF'
three turns: ["Lock" "Lock" "More?" "Lock" "Lock" "More?" "Lock"], error: TaskState(Lock) Error: taken
execution 1: ["Lock" "Lock" "More?" "Done"], error: <nil>
execution 2: ["Lock" "Lock" "More?" "Done"], error: <nil>
execution 3: ["Lock"], error: TaskState(Lock) Error: taken
EOF
echo "as found: step v1.0.6"
