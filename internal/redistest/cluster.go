package redistest

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

// slots is how many a Cluster has.
const slots = 16384

// nodeTimeout is how long nodes may be silent to each other, in milliseconds. On a
// busy machine a shorter one makes them connect anew, and a message that is
// published then is lost.
const nodeTimeout = "15000"

// patience is how long servers may take to agree with each other.
const patience = time.Minute

// Cluster is masters that share the slots evenly.
type Cluster struct {
	Masters []*Server
	t       testing.TB
}

// nodeArgs are the arguments of each node.
var nodeArgs = []string{
	"--cluster-enabled", "yes", "--cluster-node-timeout", nodeTimeout,
	"--repl-diskless-sync-delay", "0", "--repl-ping-replica-period", "1",
}

// StartCluster starts a number of masters and returns once all of them serve. They
// are stopped when the test ends.
func StartCluster(t testing.TB, masters int) *Cluster {
	t.Helper()
	c := &Cluster{t: t}
	for i := range masters {
		s := Start(t, nodeArgs...)
		c.Masters = append(c.Masters, s)
		s.join(c.Masters[0], i+1, i*slots/masters, (i+1)*slots/masters-1)
	}
	c.await()
	return c
}

// join gives a node its slots and an epoch of its own, and has it meet another.
func (s *Server) join(other *Server, epoch, first, last int) {
	s.t.Helper()
	s.do("CLUSTER", "ADDSLOTSRANGE", first, last)
	s.do("CLUSTER", "SET-CONFIG-EPOCH", epoch)
	if s != other {
		s.do("CLUSTER", "MEET", "127.0.0.1", other.port)
	}
}

// await waits until every node finds that all is well. A node that has just started
// takes two seconds for that.
func (c *Cluster) await() {
	c.t.Helper()
	known := fmt.Sprintf("cluster_known_nodes:%d\r", len(c.Masters))
	for _, s := range c.Masters {
		c.eventually("the cluster is up", func() bool {
			state := s.For(c.t).do("CLUSTER", "INFO")
			return strings.Contains(state, "cluster_state:ok") && strings.Contains(state, known)
		})
	}
}

// For returns the same servers for a part of the test, as [Server.For] does.
func (c *Cluster) For(t testing.TB) *Cluster {
	part := &Cluster{t: t}
	for _, s := range c.Masters {
		part.Masters = append(part.Masters, s.For(t))
	}
	return part
}

// Addrs returns the addresses of all nodes.
func (c *Cluster) Addrs() (addrs []string) {
	for _, s := range c.Masters {
		addrs = append(addrs, s.Addr())
	}
	return addrs
}

// URL returns the addresses of all nodes as one, e.g.
// "redis+cluster://127.0.0.1:40123,127.0.0.1:40124".
func (c *Cluster) URL() string { return "redis+cluster://" + strings.Join(c.Addrs(), ",") }

// Client returns a new client with the default options, which is closed when the
// test ends.
func (c *Cluster) Client() *redis.ClusterClient {
	client := redis.NewClusterClient(&redis.ClusterOptions{Addrs: c.Addrs()})
	c.t.Cleanup(func() { client.Close() })
	return client
}

// Restart restarts all nodes with their data.
func (c *Cluster) Restart() {
	c.t.Helper()
	c.each((*Server).Restart)
	c.await()
}

// RestartEmpty restarts all nodes without their data. They still know each other
// and their slots.
func (c *Cluster) RestartEmpty() {
	c.t.Helper()
	c.each((*Server).RestartEmpty)
	c.await()
}

// Pause stops all nodes where they stand.
func (c *Cluster) Pause() { c.each((*Server).Pause) }

// Resume lets all nodes go on.
func (c *Cluster) Resume() { c.each((*Server).Resume) }

func (c *Cluster) each(f func(*Server)) {
	for _, s := range c.Masters {
		f(s)
	}
}

func (c *Cluster) eventually(what string, is func() bool) {
	c.t.Helper()
	eventually(c.t, what, is)
}

func eventually(t testing.TB, what string, is func() bool) {
	t.Helper()
	for late := time.Now().Add(patience); !is(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(late) {
			t.Fatalf("not within %v: %s", patience, what)
		}
	}
}

// do sends a command, which has to succeed, and returns the answer as text.
func (s *Server) do(args ...any) string {
	s.t.Helper()
	answer, err := command(s.Addr(), args...)
	if err != nil {
		s.t.Fatalf("%v: %v", args, err)
	}
	return fmt.Sprint(answer)
}

// command sends one over a connection of its own. A server that runs may be slow.
func command(addr string, args ...any) (any, error) {
	client := redis.NewClient(&redis.Options{Addr: addr, MaxRetries: -1, ReadTimeout: patience})
	defer client.Close()
	return client.Do(context.Background(), args...).Result()
}
