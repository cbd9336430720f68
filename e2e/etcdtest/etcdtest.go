// Package etcdtest runs etcd for tests: clusters of one member or of several, each
// member a process that can be killed, paused, and started again with and without
// its data. The processes run a program of this module that embeds the server, so
// nothing has to be installed; a test package calls [built.Main] from its TestMain.
package etcdtest

import (
	"cmp"
	"context"
	"os"
	"slices"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"

	"github.com/leasehold-go/leasehold/internal/built"
)

// Cluster is the cluster of a test, with its files in a directory of the test's own.
type Cluster struct {
	*Instances
	t testing.TB
}

// Variable names an etcd in the environment, which tests then run instead of the one
// that is part of this module.
const Variable = "LEASEHOLD_ETCD"

// Start starts a cluster and returns once it serves. It is stopped when the test
// ends.
func Start(t testing.TB, s Settings) *Cluster {
	t.Helper()
	var command []string
	if s.Program = cmp.Or(s.Program, os.Getenv(Variable)); s.Program == "" {
		command = []string{built.Program(t, "e2e/etcdtest/etcdmember")}
	}
	c, err := Run(t.TempDir(), command, s)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Stop)
	return &Cluster{c, t}
}

// For returns the same cluster for a part of the test: the part fails by itself, and its
// clients are closed at its end.
func (c *Cluster) For(t testing.TB) *Cluster { return &Cluster{c.Instances, t} }

// Client returns a new client of all members, changed as given, which is closed when
// the test ends.
func (c *Cluster) Client(changes ...func(*clientv3.Config)) *clientv3.Client {
	c.t.Helper()
	cfg := clientv3.Config{Endpoints: c.Endpoints(), DialTimeout: 10 * time.Second, Logger: zap.NewNop()}
	for _, change := range changes {
		change(&cfg)
	}
	client, err := clientv3.New(cfg)
	if err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(func() { client.Close() })
	return client
}

// Restart kills all members and starts them again with their data.
func (c *Cluster) Restart() {
	c.t.Helper()
	c.Stop()
	c.must(c.start(c.members...))
}

// RestartEmpty kills all members and starts a new cluster in their place.
func (c *Cluster) RestartEmpty() {
	c.t.Helper()
	c.Stop()
	c.must(c.fresh())
}

// Pause stops all members where they stand: their connections stay open and nothing
// answers.
func (c *Cluster) Pause() {
	for i := range c.members {
		c.Member(i).Pause()
	}
}

// Resume lets all members go on.
func (c *Cluster) Resume() {
	for i := range c.members {
		c.Member(i).Resume()
	}
}

// Leader returns the member that leads, once one that runs does.
func (c *Cluster) Leader() Member {
	c.t.Helper()
	for late := time.Now().Add(startLimit); time.Now().Before(late); time.Sleep(10 * time.Millisecond) {
		for i, m := range c.members {
			if m.process != nil && !m.paused && m.leads() {
				return c.Member(i)
			}
		}
	}
	c.t.Fatalf("no member leads after %v", startLimit)
	return Member{}
}

func (c *Cluster) must(err error) {
	c.t.Helper()
	if err != nil {
		c.t.Fatal(err)
	}
}

// Member is one of the members.
type Member struct {
	cluster *Cluster
	*instance
}

// Member returns the member with a number, from 0.
func (c *Cluster) Member(i int) Member { return Member{c, c.members[i]} }

// Endpoint returns the member's address.
func (m Member) Endpoint() string { return m.addr() }

// Stop ends the member in order: if it leads, another leads before it is gone.
func (m Member) Stop() { m.stop() }

// Kill ends the member as if its machine had failed.
func (m Member) Kill() { m.kill() }

// Restart starts the member with its data, after it is killed if it runs. It returns
// once the member serves, or, while too few run for a quorum, once it runs.
func (m Member) Restart() {
	m.cluster.t.Helper()
	m.kill()
	m.cluster.must(m.cluster.start(m.instance))
}

// RestartEmpty starts the member without data, after it is killed if it runs. One of
// several members leaves the cluster and joins it as a new member, so the others need a
// quorum.
func (m Member) RestartEmpty() {
	m.cluster.t.Helper()
	m.kill()
	m.cluster.must(os.RemoveAll(m.dir))
	if len(m.cluster.members) > 1 {
		m.join()
	}
	m.cluster.must(m.cluster.start(m.instance))
}

// join has the others replace the member by one that has its address and nothing
// else.
func (m Member) join() {
	m.cluster.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), startLimit)
	defer cancel()
	client := m.cluster.Client(func(cfg *clientv3.Config) {
		cfg.Endpoints = slices.DeleteFunc(cfg.Endpoints, func(addr string) bool { return addr == m.addr() })
	})
	defer client.Close()
	list, err := client.MemberList(ctx)
	m.cluster.must(err)
	for _, other := range list.Members {
		if other.Name == m.name {
			_, err := client.MemberRemove(ctx, other.ID)
			m.cluster.must(err)
		}
	}
	_, err = client.MemberAdd(ctx, []string{m.peerURL()})
	m.cluster.must(err)
	m.state = "existing"
}

// Pause stops the member where it stands: its connections stay open and it answers
// nothing.
func (m Member) Pause() {
	m.cluster.t.Helper()
	m.cluster.must(m.pause(true))
}

// Resume lets a paused member go on.
func (m Member) Resume() {
	m.cluster.t.Helper()
	m.cluster.must(m.pause(false))
}

// CutOff drops all messages between the member and the others. Clients reach it. An etcd program
// cannot be cut off.
func (m Member) CutOff() {
	m.cluster.t.Helper()
	m.cluster.must(m.cut(true))
}

// Rejoin ends CutOff.
func (m Member) Rejoin() {
	m.cluster.t.Helper()
	m.cluster.must(m.cut(false))
}
