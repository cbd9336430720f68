#!/usr/bin/env bash
# github.com/seaweedfs/raft v1.2.4, Go 1.26.
#
# Guess: of three servers two can elect a leader, as in Raft: of their logs the one whose last entry is of the later
#        term counts as up to date.
# Seen:  if one of the two has more entries, left over from when it led and was cut off, and the other has the later
#        term, they elect nobody for ever, though the second has all that was committed: each refuses the other. A
#        vote is refused for a shorter log, whatever its term, as well as for an earlier term. Raft compares lengths
#        only of logs of one term. The third server brings a leader back.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat >go.mod <<'END'
module finding

go 1.26.0

require github.com/seaweedfs/raft v1.2.4
END
cat >main.go <<'END'
package main

import (
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/seaweedfs/raft"
)

type command struct{ N int }

func (command) CommandName() string                     { return "command" }
func (command) Apply(raft.Context) (interface{}, error) { return nil, nil }

// network hands requests over, within groups of servers that can reach each other.
type network struct {
	raft.Transporter // for the snapshots, which are not used here
	mu               sync.Mutex
	servers          map[string]raft.Server
	group            map[string]int
}

func (n *network) to(from raft.Server, peer *raft.Peer) raft.Server {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.group[from.Name()] != n.group[peer.Name] {
		return nil
	}
	return n.servers[peer.Name]
}

func (n *network) split(group map[string]int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.group = group
}

func (n *network) SendVoteRequest(s raft.Server, p *raft.Peer, r *raft.RequestVoteRequest) *raft.RequestVoteResponse {
	other := n.to(s, p)
	if other == nil {
		return nil
	}
	return other.RequestVote(r)
}

func (n *network) SendAppendEntriesRequest(s raft.Server, p *raft.Peer, r *raft.AppendEntriesRequest) *raft.AppendEntriesResponse {
	if other := n.to(s, p); other != nil {
		return other.AppendEntries(r)
	}
	return nil
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// leader waits for a leader among some servers.
func leader(wait time.Duration, servers ...raft.Server) raft.Server {
	for end := time.Now().Add(wait); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		for _, s := range servers {
			if s.State() == raft.Leader {
				return s
			}
		}
	}
	return nil
}

func steppedDown(s raft.Server) {
	for s.State() == raft.Leader {
		time.Sleep(20 * time.Millisecond)
	}
}

func try(leftOver int) {
	n := &network{servers: map[string]raft.Server{}, group: map[string]int{}}
	for _, name := range []string{"a", "b", "c"} {
		s := must(raft.NewServer(name, must(os.MkdirTemp(".", name)), n, nil, nil, ""))
		s.SetElectionTimeout(time.Second)
		s.SetHeartbeatInterval(100 * time.Millisecond)
		n.servers[name] = s
		if err := s.Start(); err != nil {
			panic(err)
		}
		defer s.Stop()
	}
	a, b, c := n.servers["a"], n.servers["b"], n.servers["c"]
	for _, name := range []string{"a", "b", "c"} {
		must(a.Do(&raft.DefaultJoinCommand{Name: name}))
	}
	must(a.Do(&command{1}))
	time.Sleep(time.Second)
	n.split(map[string]int{"a": 1}) // a, which leads, is cut off
	for range leftOver {
		go a.Do(&command{2}) // never committed
	}
	winner := leader(30*time.Second, b, c)
	must(winner.Do(&command{3}))
	steppedDown(a)
	n.split(map[string]int{"a": 1, winner.Name(): 2}) // the winner is cut off as well, and steps down
	steppedDown(winner)
	n.split(map[string]int{"a": 1, winner.Name(): 1}) // the two see each other, the third is away
	fmt.Printf("%d entries left over: two of three elect a leader within 15 s: %v;", leftOver, leader(15*time.Second, a, winner) != nil)
	n.split(map[string]int{})
	fmt.Printf(" all three do: %v\n", leader(30*time.Second, a, b, c) != nil)
}

func main() {
	raft.RegisterCommand(&command{})
	try(0)
	try(10)
}
END
GOWORK=off GOFLAGS=-mod=mod timeout 300 go build -o finding . 2>err || cat err
timeout 80 ./finding 2>&1 | tee seen
diff seen - <<'END'
0 entries left over: two of three elect a leader within 15 s: true; all three do: true
10 entries left over: two of three elect a leader within 15 s: false; all three do: true
END
echo "as found: seaweedfs/raft v1.2.4"
