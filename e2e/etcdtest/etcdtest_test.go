package etcdtest_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/leasehold-go/leasehold/e2e/etcdtest"
	"github.com/leasehold-go/leasehold/internal/built"
	"github.com/leasehold-go/leasehold/internal/full"
)

func TestMain(m *testing.M) { built.Main(m) }

// patience is how long a request may take. None is expected to.
const patience = time.Minute

func put(t *testing.T, client *clientv3.Client, value string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if _, err := client.Put(ctx, "key", value); err != nil {
		t.Fatal(err)
	}
}

// want checks what is under the key; "" is nothing.
func want(t *testing.T, when string, client *clientv3.Client, value string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	got, err := client.Get(ctx, "key")
	if err != nil {
		t.Fatalf("%s: %v", when, err)
	}
	if value == "" && got.Count == 0 {
		return
	}
	if got.Count != 1 || string(got.Kvs[0].Value) != value {
		t.Errorf("%s: %v, want %q", when, got.Kvs, value)
	}
}

// silent checks that nobody answers.
func silent(t *testing.T, when string, client *clientv3.Client) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if got, err := client.Get(ctx, "key"); err == nil {
		t.Errorf("%s: there is an answer, %v", when, got)
	}
}

func TestAClusterKeepsItsAddressesThroughRestarts(t *testing.T) {
	full.Only(t)
	for name, members := range map[string]int{"one member": 1, "three members": 3} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := etcdtest.Start(t, etcdtest.Settings{Members: members})
			client := c.Client()
			put(t, client, "first")
			c.Restart()
			want(t, "after a restart", client, "first")
			c.RestartEmpty()
			want(t, "after a restart without data", client, "")
			put(t, client, "second")
			c.Pause()
			silent(t, "while paused", client)
			c.Resume()
			want(t, "after a pause", client, "second")
			c.Stop()
			c.Stop()
			silent(t, "stopped", client)
		})
	}
}

func TestAnotherMemberLeadsWhenTheLeaderIsGone(t *testing.T) {
	full.Only(t)
	for name, remove := range map[string]func(etcdtest.Member){
		"killed":  etcdtest.Member.Kill,
		"stopped": etcdtest.Member.Stop,
		"paused":  etcdtest.Member.Pause,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := etcdtest.Start(t, etcdtest.Settings{Members: 3})
			first := c.Leader()
			put(t, c.Client(), name)
			remove(first)
			second := c.Leader()
			if second.Endpoint() == first.Endpoint() {
				t.Errorf("%s leads still", first.Endpoint())
			}
			want(t, "under another leader", c.Client(only(second)), name)
			first.Restart()
			want(t, "from the old leader", c.Client(only(first)), name)
		})
	}
}

// only connects a client to one member.
func only(m etcdtest.Member) func(*clientv3.Config) {
	return func(cfg *clientv3.Config) { cfg.Endpoints = []string{m.Endpoint()} }
}

func TestAMemberThatLostItsDataJoinsAgain(t *testing.T) {
	full.Only(t)
	t.Parallel()
	c := etcdtest.Start(t, etcdtest.Settings{Members: 3})
	put(t, c.Client(), "value")
	for _, i := range []int{0, 1} {
		c.Member(i).RestartEmpty()
		want(t, "from the member that came back", c.Client(only(c.Member(i))), "value")
	}
	c.Restart()
	want(t, "after a restart of all", c.Client(), "value")
}

func TestNobodyAnswersWithoutAQuorum(t *testing.T) {
	full.Only(t)
	t.Parallel()
	c := etcdtest.Start(t, etcdtest.Settings{Members: 3})
	put(t, c.Client(), "value")
	for i := range 3 {
		c.Member(i).Kill()
	}
	c.Member(1).Restart() // returns though it cannot serve
	silent(t, "one member of three", c.Client())
	c.Member(0).Restart()
	want(t, "two members of three", c.Client(), "value")
}

func TestTheSmallestTTLFollowsTheElection(t *testing.T) {
	full.Only(t)
	for election, want := range map[time.Duration]int64{0: 1, 2 * time.Second: 3} {
		t.Run(election.String(), func(t *testing.T) {
			t.Parallel()
			client := etcdtest.Start(t, etcdtest.Settings{Election: election}).Client()
			got, err := client.Grant(t.Context(), 1)
			if err != nil || got.TTL != want {
				t.Errorf("granted %+v, %v; want %d s", got, err, want)
			}
		})
	}
}

func TestAFullDatabaseRefusesAndStartsAgain(t *testing.T) {
	full.Only(t)
	t.Parallel()
	c := etcdtest.Start(t, etcdtest.Settings{Quota: 1 << 20})
	client := c.Client()
	var err error
	for i := 0; err == nil && i < 100; i++ {
		_, err = client.Put(t.Context(), "key", string(make([]byte, 100<<10)))
	}
	if !errors.Is(err, rpctypes.ErrNoSpace) {
		t.Fatalf("a full database says %v", err)
	}
	c.Restart()
	if _, err := client.Put(t.Context(), "key", "value"); !errors.Is(err, rpctypes.ErrNoSpace) {
		t.Errorf("after a restart it says %v", err)
	}
}
