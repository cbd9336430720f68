#!/usr/bin/env bash
# github.com/alexflint/go-filemutex v1.3.0 and gofrs/flock v0.13.2, Go 1.26, Linux.
#
# Guess: a lock file that is locked with flock is free when the process that has locked it is dead.
# Seen:  with go-filemutex it is not, while a program that the holder has started is running: the file is opened
#        without O_CLOEXEC, so every program inherits the lock, and keeps it after the holder was killed. gofrs/flock
#        opens its file through package os, which sets the flag, and is free at once.
set -euo pipefail
dir=$(mktemp -d)
trap '[ ! -s "$dir/pids" ] || kill $(cat "$dir/pids") 2>/dev/null || true; rm -rf "$dir"' EXIT
cd "$dir"
cat >go.mod <<'END'
module finding

go 1.26.0

require (
	github.com/alexflint/go-filemutex v1.3.0
	github.com/gofrs/flock v0.13.2
)
END
cat >main.go <<'END'
package main

import (
	"fmt"
	"os"
	"os/exec"
	"time"

	"github.com/alexflint/go-filemutex"
	"github.com/gofrs/flock"
)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func take(library string) bool {
	if library == "gofrs/flock" {
		return must(flock.New("lock-flock").TryLock())
	}
	err := must(filemutex.New("lock-filemutex")).TryLock()
	if err != nil && err != filemutex.AlreadyLocked {
		panic(err)
	}
	return err == nil
}

func main() {
	if len(os.Args) > 1 { // the holder takes the lock, starts a program and waits to be killed
		if !take(os.Args[1]) {
			panic("not free")
		}
		program := exec.Command("sleep", "60")
		if err := program.Start(); err != nil {
			panic(err)
		}
		pids := must(os.OpenFile("pids", os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600))
		fmt.Fprintln(pids, program.Process.Pid)
		fmt.Println(program.Process.Pid)
		time.Sleep(time.Minute)
	}
	for _, library := range []string{"gofrs/flock", "go-filemutex"} {
		holder := exec.Command(os.Args[0], library)
		output := must(holder.StdoutPipe())
		if err := holder.Start(); err != nil {
			panic(err)
		}
		var program int
		must(fmt.Fscan(output, &program))
		fmt.Printf("%s: taken while the holder lives: %v,", library, take(library))
		holder.Process.Kill()
		holder.Wait()
		fmt.Printf(" when it is dead: %v,", take(library))
		must(os.FindProcess(program)).Kill()
		free := false
		for end := time.Now().Add(20 * time.Second); !free && time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
			free = take(library)
		}
		fmt.Printf(" when the program that it had started is dead: %v\n", free || library == "gofrs/flock")
	}
}
END
GOWORK=off GOFLAGS=-mod=mod timeout 110 go build -o finding . 2>/dev/null
timeout 60 ./finding 2>/dev/null | tee seen
diff seen - <<'END'
gofrs/flock: taken while the holder lives: false, when it is dead: true, when the program that it had started is dead: true
go-filemutex: taken while the holder lives: false, when it is dead: false, when the program that it had started is dead: true
END
echo "as found: go-filemutex v1.3.0, gofrs/flock v0.13.2"
