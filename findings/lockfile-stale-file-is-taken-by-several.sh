#!/usr/bin/env bash
# github.com/nightlyone/lockfile v1.0.0, Go 1.26, Linux.
#
# Guess: of processes that find the lock file of a dead one and call TryLock at the same time, one gets the lock: the
#        library takes a lock with a hard link, which is atomic, and checks afterwards that the file is its own.
# Seen:  now and then two or more get it. TryLock removes the stale file by its name: a process that has looked at it a
#        little earlier removes the file by which another has taken the lock meanwhile, and takes the lock as well.
#        The first is told only by its Unlock, which fails with ErrRogueDeletion.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat >go.mod <<'END'
module finding

go 1.26.0

require github.com/nightlyone/lockfile v1.0.0
END
cat >main.go <<'END'
package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/nightlyone/lockfile"
)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// member tries to take the lock of each name on its input, says whether it has it, and keeps it.
func member() {
	names := bufio.NewScanner(os.Stdin)
	for names.Scan() {
		if must(lockfile.New(names.Text())).TryLock() == nil {
			fmt.Println("has it")
		} else {
			fmt.Println("has it not")
		}
	}
}

func main() {
	if len(os.Args) > 1 {
		member()
		return
	}
	dead := exec.Command(os.Args[0], "member")
	if err := dead.Run(); err != nil {
		panic(err)
	}
	var inputs []io.Writer
	var outputs []*bufio.Scanner
	for range 8 {
		process := exec.Command(os.Args[0], "member")
		inputs = append(inputs, must(process.StdinPipe()))
		outputs = append(outputs, bufio.NewScanner(must(process.StdoutPipe())))
		if err := process.Start(); err != nil {
			panic(err)
		}
	}
	holders := map[string]bool{} // whether there was a round with none, one or more
	for round := range 500 {
		name := must(filepath.Abs(fmt.Sprint("lock", round)))
		if round >= 100 { // the earlier ones are without a stale file
			if err := os.WriteFile(name, fmt.Appendln(nil, dead.Process.Pid), 0o600); err != nil {
				panic(err)
			}
		}
		for _, input := range inputs {
			fmt.Fprintln(input, name)
		}
		n := 0
		for _, output := range outputs {
			if output.Scan(); output.Text() == "has it" {
				n++
			}
		}
		holders[fmt.Sprint("stale file ", round >= 100, ", several holders ", n > 1)] = true
	}
	for _, stale := range []bool{false, true} {
		fmt.Printf("eight processes, a stale file there: %v; a lock had several holders: %v\n", stale,
			holders[fmt.Sprint("stale file ", stale, ", several holders true")])
	}
}
END
GOWORK=off GOFLAGS=-mod=mod timeout 110 go build -o finding . 2>err || cat err
timeout 80 ./finding 2>&1 | tee seen
diff seen - <<'END'
eight processes, a stale file there: false; a lock had several holders: false
eight processes, a stale file there: true; a lock had several holders: true
END
echo "as found: lockfile v1.0.0"
