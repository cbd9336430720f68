#!/usr/bin/env bash
# github.com/hashicorp/memberlist v0.7.0, Go 1.26.
#
# Guess: Join without an error, with the number of nodes that it has reached, means that they have the new node as a
#        member. A node that starts again under its name after a crash is one as soon as the others have found its
#        old self dead and no longer list it.
# Seen:  with another port or address it is not taken while the dead node of that name is remembered, 15 s longer in
#        the local configuration, 30 s and 60 s in the others. All the while Join succeeds, and the node lists everybody,
#        so it believes that it is one of them. Likewise a second live node of one name.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat >go.mod <<'END'
module finding

go 1.26.0

require github.com/hashicorp/memberlist v0.7.0
END
cat >main.go <<'END'
package main

import (
	"fmt"
	"io"
	"log"
	"time"

	"github.com/hashicorp/memberlist"
)

func node(name string) *memberlist.Memberlist {
	c := memberlist.DefaultLocalConfig()
	c.Name, c.BindAddr, c.BindPort, c.AdvertisePort = name, "127.0.0.1", 0, 0
	c.Logger = log.New(io.Discard, "", 0)
	m, err := memberlist.Create(c)
	if err != nil {
		panic(err)
	}
	return m
}

// lists says whether m has a member with the address of n.
func lists(m, n *memberlist.Memberlist) bool {
	for _, member := range m.Members() {
		if member.Address() == n.LocalNode().Address() {
			return true
		}
	}
	return false
}

func main() {
	a := node("a")
	join := func(what string, n *memberlist.Memberlist) {
		reached, err := n.Join([]string{a.LocalNode().Address()})
		time.Sleep(3 * time.Second)
		fmt.Printf("%s: reached %d, error %v, lists a: %v, is listed by a: %v\n", what, reached, err, lists(n, a), lists(a, n))
	}
	b := node("b")
	join("b", b)
	second := node("b")
	join("a second b", second)
	second.Shutdown()
	b.Shutdown() // without Leave, as in a crash
	for lists(a, b) {
		time.Sleep(100 * time.Millisecond)
	}
	fmt.Println("a lists the first b no longer")
	join("b, started again", node("b"))
}
END
GOWORK=off GOFLAGS=-mod=mod go build -o finding . 2>/dev/null
timeout 60 ./finding 2>/dev/null | tee seen
diff seen - <<'END'
b: reached 1, error <nil>, lists a: true, is listed by a: true
a second b: reached 1, error <nil>, lists a: true, is listed by a: false
a lists the first b no longer
b, started again: reached 1, error <nil>, lists a: true, is listed by a: false
END
echo "as found: memberlist v0.7.0"
