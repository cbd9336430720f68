package member

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/leasehold-go/leasehold/examples/internal/fleet"
	"github.com/leasehold-go/leasehold/internal/built"
	"github.com/leasehold-go/leasehold/internal/full"
	"github.com/leasehold-go/leasehold/internal/redistest"
	"github.com/leasehold-go/leasehold/lease"
	"github.com/leasehold-go/leasehold/store"
	memstore "github.com/leasehold-go/leasehold/store/memory"
)

func TestMain(m *testing.M) {
	slog.SetDefault(slog.New(slog.DiscardHandler)) // restarts are logged
	built.Main(m)
}

// Members join and leave at random. No shard is ever run twice, tokens grow, and whenever the fleet is at
// rest every shard is run by the member that it is assigned to.
func TestShardsFollowTheMembers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const shards = 64
		st := memstore.New()
		defer st.Close()
		var mu sync.Mutex
		holder, last := make([]string, shards), make([]store.Token, shards)
		join := func(name string) (leave func()) {
			k, err := lease.NewKeeper(st, lease.Config{})
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithCancel(t.Context())
			m := Member{Group: "test", Name: name, Shards: shards, Keeper: k}
			m.Work = func(ctx context.Context, shard int, token store.Token) error {
				mu.Lock()
				if holder[shard] != "" || token <= last[shard] {
					t.Errorf("%s begins shard %d with token %d; %q runs it, with %d", name, shard, token, holder[shard], last[shard])
				}
				holder[shard], last[shard] = name, token
				mu.Unlock()
				<-ctx.Done()
				time.Sleep(rand.N(time.Second)) // it comes to its end
				mu.Lock()
				defer mu.Unlock()
				holder[shard] = ""
				return ctx.Err()
			}
			ended := make(chan error, 1)
			go func() { ended <- m.Run(ctx) }()
			return func() {
				cancel()
				if err := <-ended; err != nil {
					t.Errorf("%s: %v", name, err)
				}
				if err := k.Close(t.Context()); err != nil {
					t.Error(err)
				}
			}
		}
		members := make(map[string]func())
		defer func() {
			for _, leave := range members {
				leave()
			}
		}()
		for change := range 30 {
			if name := fmt.Sprint(rand.N(8)); members[name] == nil {
				members[name] = join(name)
			} else {
				members[name]()
				delete(members, name)
			}
			if change%3 > 0 {
				continue // several changes at once
			}
			time.Sleep(time.Minute)
			var names []string
			for name := range members {
				names = append(names, name)
			}
			mu.Lock()
			for shard, want := range assign(shards, names) {
				if holder[shard] != want {
					t.Errorf("%d members at rest: shard %d is run by %q, not %q", len(names), shard, holder[shard], want)
				}
			}
			mu.Unlock()
		}
	})
}

// A shard that fails ends its member, which leaves the others to the rest of the fleet.
func TestAFailedShardEndsItsMember(t *testing.T) {
	st := memstore.New()
	defer st.Close()
	k, err := lease.NewKeeper(st, lease.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer k.Close(t.Context())
	broken := errors.New("broken")
	m := Member{Group: "test", Name: "a", Shards: 8, Keeper: k, Work: func(ctx context.Context, shard int, _ store.Token) error {
		if shard == 5 {
			return broken
		}
		<-ctx.Done()
		return ctx.Err()
	}}
	if err := m.Run(t.Context()); !errors.Is(err, broken) {
		t.Errorf("it ended with %v", err)
	}
	for r, err := range st.List(t.Context(), "") {
		t.Errorf("%s is left, %v", r.Key, err)
	}
}

// ledger is what the shards write to: the lines of all processes, in their order. It refuses a write
// with a token that is smaller than one that it has seen for the shard.
type ledger struct {
	t      *testing.T
	shards [64]struct {
		token    int
		member   string
		ended    bool
		accepted int
	}
	overtaken map[string]bool // member, shard and token, while nothing excuses it
	refused   int
}

// write takes a line.
func (l *ledger) write(member, does, shardText, tokenText string) {
	shard, err := strconv.Atoi(shardText)
	token, failed := strconv.Atoi(tokenText)
	if err != nil || failed != nil {
		l.t.Fatal(err, failed)
	}
	s := &l.shards[shard]
	which := fmt.Sprintf("%s shard %d token %d", member, shard, token)
	switch {
	case does == "begins":
		if token <= s.token {
			l.t.Errorf("%s begins after token %d", which, s.token)
		}
		if s.token > 0 && !s.ended {
			l.overtaken[fmt.Sprintf("%s shard %d token %d", s.member, shard, s.token)] = true
		}
		s.token, s.member, s.ended = token, member, false
		s.accepted++
	case token == s.token:
		if s.member != member || s.ended {
			l.t.Errorf("%s %s, but %s has the token, ended: %v", which, does, s.member, s.ended)
		}
		s.ended = does != "runs"
		s.accepted++
	case token > s.token:
		l.t.Errorf("%s %s and never began", which, does)
	default:
		l.refused++
		switch does {
		case "ends": // it has released the key before its work was over
			l.t.Errorf("%s ends after another has begun", which)
		case "loses":
			delete(l.overtaken, which)
		}
	}
}

// Of several processes on a Redis, one joins, one is killed, and one is paused for longer than its TTL
// and comes back. Every shard is run again each time, by the members that there are, in equal numbers.
// Two never run one: a member begins after the one before has ended. One that was killed or paused is late
// with a smaller token, and its writes are refused.
func TestShardsOfProcesses(t *testing.T) {
	full.Only(t)
	f := fleet.New(t, built.Racing(t, "examples/shards/servers"),
		"-store", redistest.Start(t).URL(), "-members", "1", "-ttl", "5s", "-step", "300ms", "-v")
	l := ledger{t: t, overtaken: make(map[string]bool)}
	live := make(map[string]*fleet.Process)
	start := func() string {
		p := f.Start()
		name := fmt.Sprintf("member-%d.1", p.ID())
		live[name] = p
		return name
	}
	// settled reads until each live member runs its part of the shards, and each shard once more.
	settled := func(after string) {
		t.Helper()
		var before [len(l.shards)]int
		for n, s := range l.shards {
			before[n] = s.accepted
		}
		for late := time.Now().Add(2 * time.Minute); ; {
			count, idle := make(map[string]int), 0
			for n, s := range l.shards {
				if live[s.member] == nil || s.ended || s.accepted == before[n] {
					idle++
				} else {
					count[s.member]++
				}
			}
			even := idle == 0
			for name := range live {
				even = even && count[name] >= len(l.shards)/len(live)
			}
			if even {
				return
			}
			if time.Now().After(late) {
				t.Fatalf("after %s: %d shards idle, %v", after, idle, count)
			}
			if w := f.Expect(`^(\S+) (begins|runs|ends|loses) shard (\d+) token (\d+)$`); true {
				l.write(w[0], w[1], w[2], w[3])
			}
		}
	}
	first, second := start(), start()
	settled("two have started")
	start()
	settled("a third has joined")
	live[first].Kill()
	delete(live, first)
	settled("the first was killed")
	paused := live[second]
	if err := paused.Pause(); err != nil {
		t.Fatal(err)
	}
	delete(live, second)
	settled("the second was paused")
	live[second] = paused
	if err := paused.Resume(); err != nil {
		t.Fatal(err)
	}
	settled("the second has come back")
	start()
	settled("a fourth has joined")
	for _, p := range live {
		p.Stop()
	}
	t.Logf("%d late writes were refused", l.refused)
	for which := range l.overtaken {
		if !killed(which, first) {
			t.Errorf("%s was overtaken and has not lost its lease", which)
		}
	}
}

func killed(which, member string) bool {
	return len(which) > len(member) && which[:len(member)+1] == member+" "
}
