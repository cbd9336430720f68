#!/usr/bin/env bash
# github.com/go-zookeeper/zk v1.0.4 with ZooKeeper 3.8.0 of Debian 12, Go 1.26.
#
# Guess: a Lock that fails because the connection was lost for a moment has given up its place in the queue. Lock can
#        be called again, and until then others get the lock.
# Seen:  its ephemeral node stays until the session ends, and the client goes on within the session. When the holder has
#        unlocked, the lock is nobody's: others wait behind that node, as does the same client's next Lock, which has
#        made a second node. Unlock says "not locked". Lock returns the error of Children or GetW without a deletion,
#        and keeps the path of its node only once it has the lock.
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
	"encoding/binary"
	"fmt"
	"log"
	"net"
	"os"
	"sync/atomic"
	"time"

	"github.com/go-zookeeper/zk"
)

// lossy is a connection that is lost before the next request to list children if armed is set.
type lossy struct {
	net.Conn
	armed *atomic.Bool
}

func (c lossy) Write(b []byte) (int, error) {
	const getChildren2 = 12
	if len(b) >= 12 && binary.BigEndian.Uint32(b[8:]) == getChildren2 && c.armed.CompareAndSwap(true, false) {
		return len(b), c.Close()
	}
	return c.Conn.Write(b)
}

func connect(armed *atomic.Bool) *zk.Conn {
	c, _, err := zk.Connect([]string{os.Args[1]}, 20*time.Second, zk.WithLogger(log.New(os.Stderr, "", 0)),
		zk.WithDialer(func(network, address string, timeout time.Duration) (net.Conn, error) {
			conn, err := net.DialTimeout(network, address, timeout)
			return lossy{conn, armed}, err
		}))
	if err != nil {
		panic(err)
	}
	for c.State() != zk.StateHasSession {
		time.Sleep(50 * time.Millisecond)
	}
	return c
}

// lock calls Lock in the background; result has its error, or "waits" if there is none after a while.
func lock(l *zk.Lock) chan error {
	done := make(chan error, 1)
	go func() { done <- l.Lock() }()
	return done
}

func result(done chan error) any {
	select {
	case err := <-done:
		return err
	case <-time.After(5 * time.Second):
		return "waits"
	}
}

func main() {
	var armed, never atomic.Bool
	a, b := connect(&never), connect(&armed)
	newLock := func(c *zk.Conn) *zk.Lock { return zk.NewLock(c, "/lock", zk.WorldACL(zk.PermAll)) }
	first, failed, second := newLock(a), newLock(b), newLock(a)
	fmt.Println("a locks:", first.Lock())
	session := b.SessionID()
	armed.Store(true)
	fmt.Println("b locks, and loses its connection:", failed.Lock())
	for b.State() != zk.StateHasSession {
		time.Sleep(50 * time.Millisecond)
	}
	fmt.Println("b is connected again, in the same session:", b.SessionID() == session)
	fmt.Println("b unlocks:", failed.Unlock())
	fmt.Println("a unlocks:", first.Unlock())
	again := lock(second)
	fmt.Println("a locks again:", result(again))
	fmt.Println("b locks again:", result(lock(failed)))
	b.Close()
	fmt.Println("b is closed, and a has locked:", result(again))
}
END
GOWORK=off GOFLAGS=-mod=mod go build -o finding . 2>/dev/null
timeout 60 ./finding "127.0.0.1:$port" 2>/dev/null | tee seen
diff seen - <<'END'
a locks: <nil>
b locks, and loses its connection: zk: connection closed
b is connected again, in the same session: true
b unlocks: zk: not locked
a unlocks: <nil>
a locks again: waits
b locks again: waits
b is closed, and a has locked: <nil>
END
echo "as found: go-zookeeper v1.0.4"
