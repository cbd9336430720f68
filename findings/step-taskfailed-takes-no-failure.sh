#!/usr/bin/env bash
# github.com/coinbase/step v1.0.6, "an implementation of the AWS State Machine specification" for tests, Go 1.26.
#
# Guess: a Catch or Retry of "States.TaskFailed" takes whatever a task fails with, as in AWS Step Functions, where it
#        stands for every error of a task but its timeout. It is one of the names that the validation knows.
# Seen:  it takes none: the machine fails, and what was to be given back in the state of the Catch is not. But for
#        "States.ALL", names are compared with the name of the error's Go type alone.
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

type Broken struct{ error }

const definition = `{"StartAt": "Work", "States": {
	"Work": {"Type": "Task", "Resource": "work", %s, "Next": "Done"},
	"Release": {"Type": "Pass", "Next": "Done"},
	"Done": {"Type": "Succeed"}}}`

func main() {
	for _, name := range []string{"Broken", "States.ALL", "States.TaskFailed"} {
		for _, rule := range []string{
			fmt.Sprintf(`"Catch": [{"ErrorEquals": ["%s"], "Next": "Release"}]`, name),
			fmt.Sprintf(`"Retry": [{"ErrorEquals": ["%s"], "MaxAttempts": 1}]`, name),
		} {
			m, err := machine.FromJSON([]byte(fmt.Sprintf(definition, rule)))
			if err != nil {
				panic(err)
			}
			if err := m.SetTaskHandler("Work", func(context.Context, map[string]any) (any, error) {
				return nil, Broken{errors.New("broken")}
			}); err != nil {
				panic(err)
			}
			execution, err := m.Execute(map[string]any{})
			fmt.Printf("%.5s of %s: %q, error: %v\n", rule[1:], name, execution.Path(), err)
		}
	}
}
EOF
GOWORK=off GOFLAGS=-mod=mod timeout 900 go build -p 2 -o finding . 2>err || { cat err; exit 1; }
timeout 30 ./finding | tee seen
diff seen - <<'EOF'
Catch of Broken: ["Work" "Release" "Done"], error: <nil>
Retry of Broken: ["Work" "Work"], error: TaskState(Work) Error: broken
Catch of States.ALL: ["Work" "Release" "Done"], error: <nil>
Retry of States.ALL: ["Work" "Work"], error: TaskState(Work) Error: broken
Catch of States.TaskFailed: ["Work"], error: TaskState(Work) Error: broken
Retry of States.TaskFailed: ["Work"], error: TaskState(Work) Error: broken
EOF
echo "as found: step v1.0.6"
