#!/usr/bin/env bash
# github.com/go-zookeeper/zk v1.0.4 with ZooKeeper 3.8.0 of Debian 12, Go 1.26.
#
# Guess: the lock of a session that has expired is gone, so Unlock says so once ("not locked"), and Lock can then be
#        called again on the same Lock.
# Seen:  from then on Unlock fails with "node does not exist" and Lock with "trying to acquire a lock twice", whoever has
#        the lock, for ever: Unlock forgets the path of its node only if the deletion succeeds, and Lock refuses while it
#        has a path. Meanwhile the Conn has begun a session of its own accord, so writes of the former holder succeed.
set -euo pipefail
{ [ -e /usr/share/java/zookeeper.jar ] && [ -e /usr/share/java/slf4j-nop.jar ]; } ||
	{ echo "install the Debian package zookeeper" >&2; exit 1; }
dir=$(mktemp -d)
trap '[ -z "${server:-}" ] || { kill "$server" && wait "$server"; } 2>/dev/null || true; rm -rf "$dir"' EXIT
cd "$dir"
listens() { (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; }
for _ in 1 2 3 4 5; do
	port=$((20000 + RANDOM % 10000))
	! listens || continue
	printf '%s\n' tickTime=500 dataDir=data "clientPort=$port" clientPortAddress=127.0.0.1 admin.enableServer=false >zoo.cfg
	java -cp /usr/share/java/zookeeper.jar:/usr/share/java/slf4j-nop.jar \
		org.apache.zookeeper.server.quorum.QuorumPeerMain zoo.cfg >/dev/null 2>&1 & server=$!
	until listens || ! kill -0 "$server" 2>/dev/null; do sleep 0.2; done
	! kill -0 "$server" 2>/dev/null || break
done
cat >go.mod <<'END'
module finding

go 1.26.0

require github.com/go-zookeeper/zk v1.0.4
END
cat >main.go <<'END'
package main

import (
	"errors"
	"fmt"
	"log"
	"net"
	"os"
	"sync"
	"time"

	"github.com/go-zookeeper/zk"
)

// network connects a client to the server, and cuts it off.
type network struct {
	mu   sync.Mutex
	down bool
	conn net.Conn
}

func (n *network) dial(network, address string, timeout time.Duration) (_ net.Conn, err error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.down {
		return nil, errors.New("no network")
	}
	n.conn, err = net.DialTimeout(network, address, timeout)
	return n.conn, err
}

func (n *network) set(down bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.down = down; down {
		n.conn.Close()
	}
}

func connect(n *network) *zk.Conn {
	c, _, err := zk.Connect([]string{os.Args[1]}, 4*time.Second, zk.WithLogger(log.New(os.Stderr, "", 0)), zk.WithDialer(n.dial))
	if err != nil {
		panic(err)
	}
	return c
}

func main() {
	n := new(network)
	a, b := connect(n), connect(new(network))
	acl := zk.WorldACL(zk.PermAll)
	mine, theirs := zk.NewLock(a, "/lock", acl), zk.NewLock(b, "/lock", acl)
	fmt.Println("a locks:", mine.Lock())
	session := a.SessionID()

	n.set(true)
	fmt.Println("a is cut off, b locks:", theirs.Lock())
	n.set(false)
	for a.State() != zk.StateHasSession {
		time.Sleep(50 * time.Millisecond)
	}
	fmt.Println("a is connected again, in the same session:", a.SessionID() == session)
	_, err := a.Create("/written-by-a", nil, 0, acl)
	fmt.Println("a writes:", err)
	fmt.Println("a unlocks:", mine.Unlock())

	fmt.Println("b unlocks:", theirs.Unlock())
	fmt.Println("a locks:", mine.Lock())
	fmt.Println("a unlocks:", mine.Unlock())
	fmt.Println("a locks:", mine.Lock())
	fmt.Println("a locks with a new Lock:", zk.NewLock(a, "/lock", acl).Lock())
}
END
GOWORK=off GOFLAGS=-mod=mod go build -o finding . 2>/dev/null
timeout 60 ./finding "127.0.0.1:$port" 2>/dev/null | tee seen
diff seen - <<'END'
a locks: <nil>
a is cut off, b locks: <nil>
a is connected again, in the same session: false
a writes: <nil>
a unlocks: zk: node does not exist
b unlocks: <nil>
a locks: zk: trying to acquire a lock twice
a unlocks: zk: node does not exist
a locks: zk: trying to acquire a lock twice
a locks with a new Lock: <nil>
END
echo "as found: go-zookeeper v1.0.4"
