package redisstore_test

import (
	"fmt"
	"net"
	"testing"

	"github.com/leasehold-go/leasehold/internal/full"
	"github.com/leasehold-go/leasehold/store"
)

func TestTokensGrow(t *testing.T) {
	t.Parallel()
	b := start(t)
	var last store.Token
	next := func(after string) {
		t.Helper()
		token := b.hold("key").Token
		if token <= last {
			t.Errorf("token %d after %d and %s", token, last, after)
		}
		last = token
	}
	next("nothing")
	for range 50 {
		want(t, "delete", b.Delete(t.Context(), "key", store.ByToken(last)), nil)
		next("delete")
	}
	b.do("DEL", "key")
	next("DEL")
	b.do("PEXPIRE", "key", 0)
	next("expiry")
	b.do("FLUSHALL")
	next("FLUSHALL")
	b.server.Restart()
	b.do("DEL", "key")
	next("restart with the data")
	b.server.RestartEmpty()
	next("restart without the data")
}

// The predecessor counts also where the clock has gone back.
func TestTokenFollowsItsPredecessor(t *testing.T) {
	t.Parallel()
	b := start(t)
	token := b.hold("key").Token
	b.do("DEL", "key")
	ahead := token + 1_000_000_000_000 // eleven days
	b.setField("key", "token", fmt.Sprintf("%016d", ahead))
	if got := b.hold("key").Token; got != ahead+1 {
		t.Errorf("token %d, want %d", got, ahead+1)
	}
	r, err := b.Get(t.Context(), "key")
	if err != nil || r.Token != ahead+1 {
		t.Errorf("get: %+v, %v", r, err)
	}
}

// Tokens from a master whose clock is eleven days ahead. After a failover the tokens of a key
// go on growing if the new master has the fence with the last one; else its own clock counts,
// and they go back.
func TestTokensAfterAFailoverToAClockThatIsBehind(t *testing.T) {
	full.Only(t)
	t.Parallel()
	master, replica := start(t), start(t)
	const ahead = store.Token(1_000_000_000_000)
	hold := func(key string) store.Token {
		token := master.hold(key).Token + ahead
		master.setField(key, "token", fmt.Sprintf("%016d", token))
		master.do("DEL", key)
		return token
	}
	known := hold("known")
	host, port, _ := net.SplitHostPort(master.server.Addr())
	replica.do("REPLICAOF", host, port)
	eventually(t, "the replica has the fence", func() bool {
		names := replica.plain.Keys(t.Context(), "leasehold:*}:f:known").Val()
		return len(names) == 1 && replica.value(names[0]) == master.value(names[0])
	})
	replica.do("REPLICAOF", "NO", "ONE")
	unknown := hold("unknown")

	if got := replica.hold("known").Token; got != known+1 {
		t.Errorf("token %d after %d, which the new master knows", got, known)
	}
	got := replica.hold("unknown").Token
	now := store.Token(replica.plain.Time(t.Context()).Val().UnixMicro())
	if got > now || got >= unknown {
		t.Errorf("token %d after %d, which the new master does not know; its clock says %d", got, unknown, now)
	}
}

func TestTokensEndBeforeTheyAreInexact(t *testing.T) {
	t.Parallel()
	b := start(t)
	b.hold("key")
	b.do("DEL", "key")
	b.setField("key", "token", fmt.Sprint(uint64(1<<53-1)))
	_, err := b.Create(t.Context(), claim("key"))
	want(t, "create", err, store.ErrUnavailable)
	if got := b.value("key"); got != "" {
		t.Errorf("it created %q", got)
	}
	b.setField("key", "token", fmt.Sprint(uint64(1<<53-2)))
	token := b.hold("key").Token
	if token != 1<<53-1 {
		t.Errorf("token %d, want 2^53-1", token)
	}
	want(t, "renew", b.renew(store.Renewal{Key: "key", Token: token}).Err, nil)
}
