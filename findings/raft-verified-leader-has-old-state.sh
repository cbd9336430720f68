#!/usr/bin/env bash
# github.com/hashicorp/raft v1.8.0, Go 1.26.
#
# Guess: a read of the state machine on a node for which VerifyLeader has succeeded is up to date: it "may be used to
#        prevent returning stale data from the FSM after the peer has lost leadership".
# Seen:  it says nothing of what the state machine has applied. A node that has just become leader sends true on
#        LeaderCh and is verified while entries that were acknowledged before are still to be applied, so it hands out
#        state from before them: a lock that was taken looks free. After a Barrier they are there.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat >go.mod <<'END'
module finding

go 1.26.0

require github.com/hashicorp/raft v1.8.0
END
cat >main.go <<'END'
package main

import (
	"fmt"
	"io"
	"sync/atomic"
	"time"

	"github.com/hashicorp/raft"
)

// counter is a state machine that counts entries, and takes its time.
type counter struct{ atomic.Int64 }

func (c *counter) Apply(*raft.Log) any {
	time.Sleep(10 * time.Millisecond)
	return c.Add(1)
}
func (c *counter) Snapshot() (raft.FSMSnapshot, error) { return nil, raft.ErrNothingNewToSnapshot }
func (c *counter) Restore(io.ReadCloser) error         { return nil }

func check(err error) {
	if err != nil {
		panic(err)
	}
}

func main() {
	store, snapshots := raft.NewInmemStore(), raft.NewInmemSnapshotStore()
	start := func() (*raft.Raft, *counter) {
		c := raft.DefaultConfig()
		c.LocalID, c.LogOutput = "node", io.Discard
		address, transport := raft.NewInmemTransport("node")
		members := raft.Configuration{Servers: []raft.Server{{ID: "node", Address: address}}}
		if last, err := store.LastIndex(); err == nil && last == 0 {
			check(raft.BootstrapCluster(c, store, store, snapshots, transport, members))
		}
		state := &counter{}
		r, err := raft.NewRaft(c, state, store, store, snapshots, transport)
		check(err)
		fmt.Println("leader:", <-r.LeaderCh())
		return r, state
	}
	first, _ := start()
	for range 100 {
		check(first.Apply([]byte("entry"), 0).Error())
	}
	fmt.Println("acknowledged: 100")
	check(first.Shutdown().Error())

	again, state := start()
	fmt.Println("verified:", again.VerifyLeader().Error() == nil)
	fmt.Println("state has all that was acknowledged:", state.Load() == 100)
	check(again.Barrier(0).Error())
	fmt.Println("state after a barrier:", state.Load())
	check(again.Shutdown().Error())
}
END
GOWORK=off GOFLAGS=-mod=mod go build -o finding . 2>/dev/null
timeout 60 ./finding 2>/dev/null | tee seen
diff seen - <<'END'
leader: true
acknowledged: 100
leader: true
verified: true
state has all that was acknowledged: false
state after a barrier: 100
END
echo "as found: raft v1.8.0"
