package redistest

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/leasehold-go/leasehold/internal/child"
)

// MasterName is the sentinel's name for the server that it watches.
const MasterName = "main"

// Sentinel is a master, a replica that follows it, and a sentinel that watches both
// and may alone decide that the replica replaces the master.
type Sentinel struct {
	*trio
	t testing.TB
}

type trio struct {
	master, replica *Instance // they change places in a failover
	port            string    // of the sentinel
}

// StartSentinel starts the three and returns once the sentinel would find the
// replica fit to replace the master. A master that does not answer for the time down
// is replaced. All are stopped when the test ends.
func StartSentinel(t testing.TB, down time.Duration) *Sentinel {
	t.Helper()
	s := &Sentinel{&trio{
		master:  Start(t, "--repl-diskless-sync-delay", "0").Instance,
		replica: Start(t, "--repl-diskless-sync-delay", "0").Instance,
	}, t}
	s.Replica().do("REPLICAOF", "127.0.0.1", s.master.port)
	s.awaitReplica()
	var p *child.Process
	t.Cleanup(func() {
		if p != nil {
			p.Kill()
		}
	})
	dir := t.TempDir()
	err := child.OnFreePorts(1, func(ports []string) (err error) {
		s.port = ports[0]
		p, err = s.watch(dir, down)
		return err
	})
	s.Master().must(err)
	s.awaitSentinel()
	return s
}

// Master returns the server that is the master now.
func (s *Sentinel) Master() *Server { return &Server{s.master, s.t} }

// Replica returns the server that follows it.
func (s *Sentinel) Replica() *Server { return &Server{s.replica, s.t} }

// watch starts the sentinel itself. It looks around more often than it would by
// itself, if its version can be told to.
func (s *Sentinel) watch(dir string, down time.Duration) (*child.Process, error) {
	conf := filepath.Join(dir, "sentinel.conf")
	text := fmt.Sprintf("bind 127.0.0.1\nport %[1]s\ndir %[2]s\nsentinel monitor %[3]s 127.0.0.1 %[4]s 1\n"+
		"sentinel down-after-milliseconds %[3]s %[5]d\nsentinel failover-timeout %[3]s 10000\n",
		s.port, dir, MasterName, s.master.port, down.Milliseconds())
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		return nil, err
	}
	p, err := child.Start(filepath.Join(dir, "sentinel.log"), s.master.program, conf, "--sentinel")
	if err != nil {
		return nil, err
	}
	if err := p.Await(startLimit, func(said []byte) bool { return strings.Contains(string(said), "+monitor master") }); err != nil {
		return nil, err
	}
	// While the master is down the sentinel asks a replica for INFO once a second, and holds
	// it fit only for five ping periods after an answer.
	command(s.Addr(), "SENTINEL", "DEBUG", "INFO-PERIOD", 200, "PING-PERIOD", 400, "PUBLISH-PERIOD", 200)
	return p, nil
}

// Addr returns the address of the sentinel.
func (s *Sentinel) Addr() string { return net.JoinHostPort("127.0.0.1", s.port) }

// URL returns the address as redis.ParseFailoverURL takes it, except for the scheme.
func (s *Sentinel) URL() string { return "redis+sentinel://" + s.Addr() + "?master_name=" + MasterName }

// For returns the same servers for a part of the test, as [Server.For] does.
func (s *Sentinel) For(t testing.TB) *Sentinel {
	return &Sentinel{s.trio, t}
}

// Client returns a new client that asks the sentinel for the master, with the
// default options. It is closed when the test ends.
func (s *Sentinel) Client() *redis.Client {
	c := redis.NewFailoverClient(&redis.FailoverOptions{MasterName: MasterName, SentinelAddrs: []string{s.Addr()}})
	s.t.Cleanup(func() { c.Close() })
	return c
}

// Failover kills the master once the replica has all that it has, lets the replica
// take its place, and starts the old master as the replica of the new.
func (s *Sentinel) Failover() {
	s.t.Helper()
	end := s.offset(s.Master())
	eventually(s.t, "the replica has all that the master has", func() bool { return s.offset(s.Replica()) >= end })
	s.master.Stop()
	eventually(s.t, "the sentinel makes the replica a master", func() bool {
		command(s.Addr(), "SENTINEL", "FAILOVER", MasterName) // refused while it is under way already
		return says(s.replica, "role:master")
	})
	s.master, s.replica = s.replica, s.master
	s.follow()
	s.awaitSentinel()
}

// offset is how far a server has come in the master's stream of writes.
func (s *Sentinel) offset(of *Server) (offset int64) {
	s.t.Helper()
	_, text, _ := strings.Cut(of.do("INFO", "replication"), "\nmaster_repl_offset:")
	if _, err := fmt.Sscan(text, &offset); err != nil {
		s.t.Fatal(err)
	}
	return offset
}

// RestartEmpty restarts master and replica without their data.
func (s *Sentinel) RestartEmpty() {
	s.t.Helper()
	s.replica.Stop()
	s.Master().RestartEmpty()
	s.follow()
	s.awaitSentinel()
}

// follow starts the replica without data.
func (s *Sentinel) follow() {
	s.t.Helper()
	s.Master().must(s.replica.clear())
	s.Master().must(s.replica.start("--replicaof", "127.0.0.1", s.master.port))
	s.awaitReplica()
}

func (s *Sentinel) awaitReplica() {
	s.t.Helper()
	eventually(s.t, "the replica follows", func() bool {
		return says(s.replica, "master_link_status:up")
	})
}

// says reports whether a server says something of its replication. The sentinel cuts
// connections to servers that change places.
func says(i *Instance, what string) bool {
	text, err := command(i.Addr(), "INFO", "replication")
	return err == nil && strings.Contains(fmt.Sprint(text), what)
}

// awaitSentinel waits until the sentinel knows which is the master, and that the
// replica follows it.
func (s *Sentinel) awaitSentinel() {
	s.t.Helper()
	eye := redis.NewSentinelClient(&redis.Options{Addr: s.Addr()})
	defer eye.Close()
	eventually(s.t, "the sentinel has seen both", func() bool {
		master, err := eye.Master(s.t.Context(), MasterName).Result()
		if err != nil || master["port"] != s.master.port || master["flags"] != "master" {
			return false
		}
		replicas, err := eye.Replicas(s.t.Context(), MasterName).Result()
		return err == nil && len(replicas) == 1 && replicas[0]["port"] == s.replica.port &&
			replicas[0]["flags"] == "slave" && replicas[0]["master-link-status"] == "ok"
	})
}

// Pause stops master and replica where they stand.
func (s *Sentinel) Pause() {
	s.Master().Pause()
	s.Replica().Pause()
}

// Resume lets both go on.
func (s *Sentinel) Resume() {
	s.Master().Resume()
	s.Replica().Resume()
}

// Switch has the sentinel put the replica in the master's place, both alive. The old master
// refuses to follow the new one, and so goes on as a master for clients that stay with it.
func (s *Sentinel) Switch() {
	s.t.Helper()
	s.Master().do("ACL", "SETUSER", "default", "-replicaof", "-slaveof")
	eventually(s.t, "the sentinel makes the replica a master", func() bool {
		command(s.Addr(), "SENTINEL", "FAILOVER", MasterName) // refused while it is under way already
		return says(s.replica, "role:master")
	})
	s.master, s.replica = s.replica, s.master
	eventually(s.t, "the sentinel names the new master", func() bool {
		answer, err := command(s.Addr(), "SENTINEL", "GET-MASTER-ADDR-BY-NAME", MasterName)
		return err == nil && strings.Contains(fmt.Sprint(answer), s.master.port)
	})
}
