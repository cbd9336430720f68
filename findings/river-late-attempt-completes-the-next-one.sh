#!/usr/bin/env bash
# github.com/riverqueue/river v0.51.2 with riversqlite, modernc.org/sqlite v1.62.0, Go 1.26.
#
# Guess: when an attempt of a job was rescued as stuck and then ends after all, as of a process that was stopped for a
#        while, its outcome is dropped: the job is at work in its second attempt, whose outcome counts, and a unique job
#        stays unique until then. (That an attempt can be rescued while it is at work is documented.)
# Seen:  the late attempt completes the job while the second is at work. A copy of the unique job is taken and runs beside
#        it, and when the second attempt fails that is neither recorded nor tried again. An attempt's outcome is stored if
#        the job has the state "running", whoever runs it.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat >go.mod <<'EOF'
module finding

go 1.26.0

require (
	github.com/riverqueue/river v0.51.2
	github.com/riverqueue/river/riverdriver/riversqlite v0.51.2
	modernc.org/sqlite v1.62.0
)
EOF
cat >main.go <<'EOF'
package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riversqlite"
	"github.com/riverqueue/river/rivermigrate"
	"github.com/riverqueue/river/rivertype"
	_ "modernc.org/sqlite"
)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

type Move struct {
	Ship string `json:"ship"`
}

func (Move) Kind() string { return "move" }

func (Move) InsertOpts() river.InsertOpts { // unique until it is done
	return river.InsertOpts{UniqueOpts: river.UniqueOpts{ByArgs: true, ByState: []rivertype.JobState{
		rivertype.JobStateAvailable, rivertype.JobStatePending, rivertype.JobStateRunning,
		rivertype.JobStateRetryable, rivertype.JobStateScheduled}}}
}

type worker struct {
	river.WorkerDefaults[Move]
	begun chan string
	end   map[string]chan error
}

func (w *worker) Work(_ context.Context, job *river.Job[Move]) error {
	run := fmt.Sprintf("job %d, attempt %d", job.ID, job.Attempt)
	w.begun <- run
	return <-w.end[run]
}

func (w *worker) NextRetry(*river.Job[Move]) time.Time { return time.Now().Add(time.Second) }

func main() {
	ctx, cancel := context.WithTimeout(context.Background(), 85*time.Second)
	defer cancel()
	db := must(sql.Open("sqlite", "file:river.db?_pragma=journal_mode(WAL)&_pragma=busy_timeout(5000)"))
	db.SetMaxOpenConns(1)
	driver := riversqlite.New(db)
	must(must(rivermigrate.New(driver, nil)).Migrate(ctx, rivermigrate.DirectionUp, nil))
	w := &worker{begun: make(chan string, 9), end: map[string]chan error{
		"job 1, attempt 1": make(chan error), "job 1, attempt 2": make(chan error)}}
	workers := river.NewWorkers()
	river.AddWorker(workers, w)
	client := must(river.NewClient(driver, &river.Config{
		JobTimeout: time.Second, RescueStuckJobsAfter: 2 * time.Second, Workers: workers,
		Queues: map[string]river.QueueConfig{river.QueueDefault: {MaxWorkers: 4}},
		Logger: slog.New(slog.NewTextHandler(os.Stderr, nil)),
	}))
	if err := client.Start(ctx); err != nil {
		panic(err)
	}
	begin := func() {
		select {
		case run := <-w.begun:
			fmt.Println(run, "begins")
		case <-ctx.Done():
			panic(ctx.Err())
		}
	}
	insert := func() {
		fmt.Printf("Insert: a duplicate: %t\n", must(client.Insert(ctx, Move{"Argo"}, nil)).UniqueSkippedAsDuplicate)
	}
	look := func() {
		job := must(client.JobGet(ctx, 1))
		fmt.Printf("job 1: %s, errors: %d\n", job.State, len(job.Errors))
	}
	// finish ends a run and waits until the client has had the time to store its outcome.
	finish := func(run string, err error) {
		w.end[run] <- err
		fmt.Printf("%s returns: %v\n", run, err)
		time.Sleep(4 * time.Second)
		look()
	}
	insert()
	begin()
	insert()
	begin() // the first attempt was rescued
	look()
	finish("job 1, attempt 1", nil)
	insert()
	begin()
	finish("job 1, attempt 2", errors.New("lost the ship"))
}
EOF
GOWORK=off GOFLAGS=-mod=mod timeout 900 go build -p 2 -o finding . 2>err || { cat err; exit 1; }
timeout 88 ./finding 2>err | tee seen || { tail err; exit 1; }
diff seen - <<'EOF'
Insert: a duplicate: false
job 1, attempt 1 begins
Insert: a duplicate: true
job 1, attempt 2 begins
job 1: running, errors: 1
job 1, attempt 1 returns: <nil>
job 1: completed, errors: 1
Insert: a duplicate: false
job 3, attempt 1 begins
job 1, attempt 2 returns: lost the ship
job 1: completed, errors: 1
EOF
echo "as found: river v0.51.2"
