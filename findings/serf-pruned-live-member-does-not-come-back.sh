#!/usr/bin/env bash
# github.com/hashicorp/serf v0.11.0, Go 1.26.
#
# Guess: a member that is removed by RemoveFailedNode or RemoveFailedNodePrune and is in fact alive comes back by
#        itself, as the documentation of force-leave says of both. One that crashes and joins again is seen to have
#        failed or left, and to join.
# Seen:  after RemoveFailedNode it is back. After RemoveFailedNodePrune it is gone for good where that was called, and
#        mostly elsewhere too: it is not listed, nor is there an event of its return, although its own events are
#        heard; it lists all, and itself. And one that crashes and is back within the time of detection is no event
#        at all, unless its tags have changed. (A join intent brings back only a member that is in the list, and what
#        memberlist takes for the same node is never announced again.)
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat >go.mod <<'END'
module finding

go 1.26.0

require github.com/hashicorp/serf v0.11.0
END
cat >main.go <<'END'
package main

import (
	"fmt"
	"io"
	"log"
	"net"
	"sort"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/memberlist"
	"github.com/hashicorp/serf/serf"
)

var (
	mu     sync.Mutex
	events []string // that member a has seen of others
)

func seen() string {
	mu.Lock()
	defer mu.Unlock()
	defer func() { events = nil }()
	if events == nil {
		return "no event"
	}
	return strings.Join(events, ", ")
}

func port() int {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	check(err)
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}

func node(name string, port int, tags map[string]string) *serf.Serf {
	quiet := log.New(io.Discard, "", 0)
	m := memberlist.DefaultLocalConfig()
	m.BindAddr, m.BindPort, m.AdvertisePort = "127.0.0.1", port, port
	m.PushPullInterval, m.ProbeInterval, m.ProbeTimeout, m.Logger = time.Second, 3*time.Second, 2*time.Second, quiet
	c := serf.DefaultConfig()
	c.MemberlistConfig, c.NodeName, c.Tags, c.Logger = m, name, tags, quiet
	ch := make(chan serf.Event, 100)
	c.EventCh = ch
	go func() {
		for e := range ch {
			mu.Lock()
			switch e := e.(type) {
			case serf.MemberEvent:
				if name == "a" && e.Members[0].Name != "a" {
					events = append(events, fmt.Sprint(e.Type, " ", e.Members[0].Name))
				}
			case serf.UserEvent:
				if name == "a" {
					events = append(events, "user event "+e.Name)
				}
			}
			mu.Unlock()
		}
	}()
	s, err := serf.Create(c)
	check(err)
	return s
}

func main() {
	first, second := port(), port()
	join := func(s *serf.Serf) *serf.Serf {
		n, err := s.Join([]string{fmt.Sprint("127.0.0.1:", first)}, true)
		if err != nil || n != 1 {
			panic(fmt.Sprint(n, err))
		}
		time.Sleep(3 * time.Second)
		return s
	}
	a := node("a", first, nil)
	b := join(node("b", second, nil))
	c := join(node("c", port(), nil))
	fmt.Println("joined:", seen())
	for _, tags := range []map[string]string{nil, {"run": "2"}} {
		check(b.Shutdown())
		b = join(node("b", second, tags))
		fmt.Printf("b has crashed and joined again, tags %v: %s\n", tags, seen())
	}
	members := func() {
		time.Sleep(6 * time.Second)
		for _, s := range []*serf.Serf{a, c} {
			var names []string
			for _, m := range s.Members() {
				names = append(names, m.Name+" "+m.Status.String())
			}
			sort.Strings(names)
			fmt.Printf("  %s lists: %s\n", s.LocalMember().Name, strings.Join(names, ", "))
		}
	}
	check(a.RemoveFailedNode("c"))
	members()
	fmt.Println("RemoveFailedNode of the live c:", seen())
	check(a.RemoveFailedNodePrune("c"))
	members()
	check(c.UserEvent("hello", nil, false))
	time.Sleep(3 * time.Second)
	fmt.Println("RemoveFailedNodePrune of the live c:", seen())
}
END
GOWORK=off GOFLAGS=-mod=mod timeout 200 go build -o finding . 2>/dev/null
timeout 80 ./finding | tee seen
diff seen - <<'END'
joined: member-join b, member-join c
b has crashed and joined again, tags map[]: no event
b has crashed and joined again, tags map[run:2]: member-update b
  a lists: a alive, b alive, c alive
  c lists: a alive, b alive, c alive
RemoveFailedNode of the live c: no event
  a lists: a alive, b alive
  c lists: a alive, b alive, c alive
RemoveFailedNodePrune of the live c: member-reap c, user event hello
END
echo "as found: serf v0.11.0"
