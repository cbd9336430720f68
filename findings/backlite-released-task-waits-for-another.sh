#!/usr/bin/env bash
# github.com/mikestefanello/backlite v0.6.0 with modernc.org/sqlite v1.62.0, Go 1.26.
#
# Guess: the task of a process that has crashed runs again in the next one as soon as ReleaseAfter has passed: that is
#        "the duration after which a task is released back to a queue if it has not finished executing".
# Seen:  it does not run until somebody adds another task, however long that takes. The dispatcher does not poll: it
#        looks at its start, after a task was added and when the next waiting task is due, and a task that is still
#        claimed at that moment is in no list, so nothing makes it look again when the claim ends.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat >go.mod <<'END'
module finding

go 1.26.0

require (
	github.com/mikestefanello/backlite v0.6.0
	modernc.org/sqlite v1.62.0
)
END
cat >main.go <<'END'
package main

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"time"

	"github.com/mikestefanello/backlite"
	_ "modernc.org/sqlite"
)

type job struct{ Name string }

func (job) Config() backlite.QueueConfig {
	return backlite.QueueConfig{Name: "jobs", MaxAttempts: 5, Timeout: time.Second}
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

func main() {
	db, err := sql.Open("sqlite", "file:jobs.db?_pragma=busy_timeout(10000)&_pragma=journal_mode(WAL)")
	must(err)
	client, err := backlite.NewClient(backlite.ClientConfig{DB: db, NumWorkers: 2, ReleaseAfter: 15 * time.Second})
	must(err)
	began := make(chan string, 10)
	client.Register(backlite.NewQueue[job](func(_ context.Context, j job) error {
		began <- j.Name
		if os.Args[1] == "crash" {
			select {} // at work when the process ends
		}
		return nil
	}))
	next := func(within time.Duration) {
		select {
		case name := <-began:
			fmt.Println("begins:", name)
		case <-time.After(within):
			fmt.Println("nothing begins")
		}
	}
	if os.Args[1] == "crash" {
		must(client.Install())
	}
	client.Start(context.Background())
	if os.Args[1] == "crash" {
		_, err := client.Add(job{"the one of the crash"}).Save()
		must(err)
		next(30 * time.Second)
		os.Exit(0)
	}
	fmt.Println("second process, 45 s with a ReleaseAfter of 15 s:")
	next(45 * time.Second)
	fmt.Println("another task is added:")
	_, err = client.Add(job{"the other"}).Save()
	must(err)
	next(30 * time.Second)
	next(30 * time.Second)
}
END
GOWORK=off GOFLAGS=-mod=mod timeout 300 go build -o finding . 2>err || cat err
timeout 60 ./finding crash 2>/dev/null >seen
timeout 120 ./finding again 2>/dev/null >>seen
cat seen
sort seen | diff - <(sort <<'END'
begins: the one of the crash
second process, 45 s with a ReleaseAfter of 15 s:
nothing begins
another task is added:
begins: the one of the crash
begins: the other
END
)
echo "as found: backlite v0.6.0"
