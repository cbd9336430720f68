package server_test

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

// sentinel starts one that watches a master and may alone decide to replace it. It
// returns its address.
func sentinel(t *testing.T, master server) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	l.Close()
	_, port, _ := strings.Cut(addr, ":")
	host, masterPort, _ := strings.Cut(master.Addr(), ":")
	dir := t.TempDir()
	conf := filepath.Join(dir, "sentinel.conf")
	text := fmt.Sprintf("bind 127.0.0.1\nport %s\ndir %s\nsentinel monitor main %s %s 1\n"+
		"sentinel down-after-milliseconds main 1000\nsentinel failover-timeout main 10000\n", port, dir, host, masterPort)
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("redis-server", conf, "--sentinel")
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
	return addr
}

func TestATermOutlivesAFailoverThatSentinelMakes(t *testing.T) {
	t.Parallel()
	master, replica := replicated(t)
	addr := sentinel(t, master)
	eye := redis.NewSentinelClient(&redis.Options{Addr: addr})
	defer eye.Close()
	eventually(t, "the sentinel knows the replica", func() bool {
		replicas, err := eye.Replicas(t.Context(), "main").Result()
		return err == nil && len(replicas) == 1 && replicas[0]["master-link-status"] == "ok"
	})
	client := func() *redis.Client {
		c := redis.NewFailoverClient(&redis.FailoverOptions{MasterName: "main", SentinelAddrs: []string{addr}})
		t.Cleanup(func() { c.Close() })
		return c
	}
	const ttl = 50 * time.Second
	a, b := master.partyOf(client(), ttl, time.Second), master.partyOf(client(), ttl, time.Second)
	held := a.acquire("job", "a")
	waiting := b.await("job", "b")
	eventually(t, "the replica has the record", func() bool { return replica.raw("job") == "a" && replica.fence("job") != nil })

	master.Stop()
	eventually(t, "the replica is the master", func() bool { return replica.info("role") == "master" })
	a.renewed(held)
	if got := replica.raw("job"); got != "a" || !waiting.waits() {
		t.Errorf("the new master has %q; the waiter still waits: %v", got, waiting.waits())
	}
	if err := held.Release(t.Context()); err != nil {
		t.Fatal(err)
	}
	later(t, waiting.taken(), held)
}
