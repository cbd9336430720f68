package redisstore_test

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/leasehold-go/leasehold/internal/full"
	"github.com/leasehold-go/leasehold/internal/redistest"
	"github.com/leasehold-go/leasehold/store"
	redisstore "github.com/leasehold-go/leasehold/store/redis"
)

// mover has a Cluster whose slots it moves from the first master to the second, and a
// client that asks for the whereabouts of slots only when it has a reason to.
type mover struct {
	*bench
	cluster *redistest.Cluster
	nodes   []*redis.Client
	far     store.Renewal // renews a record whose slot stays where it is
	last    int           // of the tags that were handed out
	seq     uint64        // of the last write
}

func startMover(t *testing.T) *mover {
	cluster := redistest.StartCluster(t, 3)
	client := redis.NewClusterClient(&redis.ClusterOptions{Addrs: cluster.Addrs(), ClusterStateReloadInterval: time.Hour})
	t.Cleanup(func() { client.Close() })
	m := &mover{bench: &bench{TB: t, plain: client, Store: open(t, client)}, cluster: cluster}
	for _, master := range cluster.Masters {
		m.nodes = append(m.nodes, master.Client())
	}
	far := long("foo") // in slot 12182
	m.far = store.Renewal{Key: far.Key, Token: m.create(far).Token}
	return m
}

// in is the same mover in a subtest, with tags of its own.
func (m *mover) in(t *testing.T) *mover {
	m.last += 1000
	inner := *m
	inner.bench, inner.cluster = m.bench.in(t), m.cluster.For(t)
	return &inner
}

// tag returns a new text for braces, and its slot, which is the first master's.
func (m *mover) tag() (tag string, slot int) {
	for {
		m.last++
		tag = strconv.Itoa(m.last)
		if slot = int(m.plain.ClusterKeySlot(m.Context(), tag).Val()); slot < 16384/3 {
			return tag, slot
		}
	}
}

// move begins to move a slot.
func (m *mover) move(slot int) *redistest.Move {
	return m.cluster.Move(slot, m.cluster.Masters[0], m.cluster.Masters[1])
}

// part returns those of the names in a slot that are of a kind: key, fence, or index.
func part(names []string, kind string) (some []string) {
	for _, name := range names {
		is := "key"
		switch {
		case strings.HasPrefix(name, "leasehold:") && strings.HasSuffix(name, ":index"):
			is = "index"
		case strings.HasPrefix(name, "leasehold:") && strings.Contains(name, "}:n:"):
			is = "next"
		case strings.HasPrefix(name, "leasehold:"):
			is = "fence"
		}
		if is == kind {
			some = append(some, name)
		}
	}
	return some
}

// long outlives every test, however slow.
func long(key string) store.Claim {
	c := claim(key)
	c.TTL = time.Hour
	return c
}

// next is a write that is newer than all before it.
func (m *mover) next(key string, token store.Token) store.Renewal {
	m.seq++
	return store.Renewal{Key: key, Token: token, Seq: m.seq, Value: fmt.Append(nil, "value ", m.seq)}
}

// call is what a verb is called for on a record, and the answer wherever the record
// lies as a whole.
type call struct {
	name  string
	do    func(m *mover, c store.Claim, token store.Token) error
	right error
}

var calls = []call{
	{"renew", func(m *mover, c store.Claim, token store.Token) error {
		return m.renew(store.Renewal{Key: c.Key, Token: token}).Err
	}, nil},
	{"renew with a value", func(m *mover, c store.Claim, token store.Token) error {
		return m.renew(m.next(c.Key, token)).Err
	}, nil},
	{"renew with others", func(m *mover, c store.Claim, token store.Token) error {
		answers := m.Renew(m.Context(), []store.Renewal{m.far, m.next(c.Key, token), m.far})
		want(m, "renew of what does not move", errors.Join(answers[0].Err, answers[2].Err), nil)
		return answers[1].Err
	}, nil},
	{"renew of a lost term", func(m *mover, c store.Claim, token store.Token) error {
		return m.renew(store.Renewal{Key: c.Key, Token: token - 1}).Err
	}, store.ErrLost},
	{"update", func(m *mover, c store.Claim, token store.Token) error {
		return m.Update(m.Context(), store.Update(m.next(c.Key, token)))
	}, nil},
	{"the same create", func(m *mover, c store.Claim, token store.Token) error {
		grant, err := m.Create(m.Context(), c)
		if err == nil && grant.Token != token {
			m.Errorf("the same create has token %d, not %d", grant.Token, token)
		}
		return err
	}, nil},
	{"another's create", (*mover).intrude, store.ErrHeld},
	{"delete of another's", func(m *mover, c store.Claim, _ store.Token) error {
		return m.Delete(m.Context(), c.Key, store.ByNonce(store.NewNonce()))
	}, nil},
	{"get", func(m *mover, c store.Claim, token store.Token) error {
		r, err := m.Get(m.Context(), c.Key)
		if err == nil && r.Token != token {
			m.Errorf("get: token %d, not %d", r.Token, token)
		}
		return err
	}, nil},
	{"list", func(m *mover, c store.Claim, token store.Token) error { return m.lists(c.Key, c.Key, token) }, nil},
	{"list of all", func(m *mover, c store.Claim, token store.Token) error { return m.lists("", c.Key, token) }, nil},
}

// intrude tries to create what is held.
func (m *mover) intrude(c store.Claim, token store.Token) error {
	_, err := m.Create(m.Context(), long(c.Key))
	if held, ok := errors.AsType[*store.HeldError](err); ok && held.Record.Token != token {
		m.Errorf("held with token %d, not %d", held.Record.Token, token)
	}
	return err
}

// lists returns the error of a list, which otherwise must have the record.
func (m *mover) lists(prefix, key string, token store.Token) error {
	m.Helper()
	found := false
	for r, err := range m.List(m.Context(), prefix) {
		if err != nil {
			return err
		}
		if r.Key == key {
			found = true
			if r.Token != token {
				m.Errorf("list %q: token %d, not %d", prefix, r.Token, token)
			}
		}
	}
	if !found {
		m.Errorf("list %q: the record is missing", prefix)
	}
	return nil
}

// try makes all calls on a record. Each has to find its script on every server anew.
func (m *mover) try(when string, whole bool, c store.Claim, token store.Token) {
	m.Helper()
	for _, call := range calls {
		for _, node := range m.nodes {
			check(m, node.ScriptFlush(m.Context()).Err())
		}
		err := call.do(m, c, token)
		if whole {
			want(m, when+", "+call.name, err, call.right)
		} else if want(m, when+", "+call.name, err, store.ErrUnavailable); errors.Is(err, store.ErrInDoubt) {
			m.Errorf("%s, %s: %v, but nothing was done", when, call.name, err)
		}
	}
}

// What was carried over first, and whether the record lies as a whole then: only so
// can a server answer for it.
var carried = map[string]struct {
	kinds []string
	whole bool
}{
	"nothing":         {nil, true},
	"key":             {[]string{"key"}, false},
	"fence":           {[]string{"fence"}, false},
	"index":           {[]string{"index"}, true},
	"key and fence":   {[]string{"key", "fence"}, true},
	"key and index":   {[]string{"key", "index"}, false},
	"fence and index": {[]string{"fence", "index"}, false},
	"everything":      {[]string{"key", "fence", "index"}, true},
}

func TestSlotsOnTheMove(t *testing.T) {
	full.Only(t)
	t.Parallel()
	m := startMover(t)
	for name, c := range carried {
		t.Run(name, func(t *testing.T) { m.in(t).testRecordOnTheMove(c.kinds, c.whole) })
	}
	t.Run("documented rights", func(t *testing.T) { m.in(t).testRightsOnTheMove() })
	t.Run("ended on its way", func(t *testing.T) { m.in(t).testEndOnTheMove() })
	for name, kinds := range map[string][]string{"the claim": {"next"}, "the record": {"key", "fence"}} {
		t.Run(name+" before, and a withdrawal", func(t *testing.T) {
			m := m.in(t)
			m.testNextOnTheMove(kinds, func(c store.Claim) error { return m.Withdraw(t.Context(), c.Key, c.Nonce) })
		})
		t.Run(name+" before, and a delete", func(t *testing.T) {
			m := m.in(t)
			m.testNextOnTheMove(kinds, func(c store.Claim) error { return m.Delete(t.Context(), c.Key, store.ByNonce(c.Nonce)) })
		})
	}
	t.Run("two claims on their way", func(t *testing.T) { m.in(t).testTwoNextOnTheMove() })
	t.Run("new on its way", func(t *testing.T) { m.in(t).testNewOnTheMove() })
	t.Run("with a longer time to live", func(t *testing.T) { m.in(t).testShiftOnTheMove("key", store.MaxValue) })
	t.Run("with a longer time of the fence", func(t *testing.T) { m.in(t).testShiftOnTheMove("fence", 10) })
	t.Run("replicas to wait for", func(t *testing.T) { m.in(t).testReplicasOnTheMove() })
}

func (m *mover) testRecordOnTheMove(kinds []string, whole bool) {
	tag, slot := m.tag()
	c := long("{" + tag + "}:key")
	token := m.create(c).Token
	w := watch(m.bench, c.Key)
	w.expect(m, put(c.Key, token, "first"), 0)
	move := m.move(slot)
	var names []string
	for _, kind := range kinds {
		names = append(names, part(move.Left(), kind)...)
	}
	if len(names) != len(kinds) {
		m.Fatalf("%q of %q", names, kinds)
	}
	move.Carry(names...)
	m.try("on its way", whole, c, token)
	move.Finish()
	m.try("after the move", true, c, token)
	last := m.next(c.Key, token)
	want(m, "update", m.Update(m.Context(), store.Update(last)), nil)
	w.expect(m, put(c.Key, token, string(last.Value)), 0)
	for _, cause := range []store.Cause{store.CauseUnknown, store.CauseExpired, store.CauseDeleted} {
		if w.saw(gone(c.Key, token, cause), 0) {
			m.Errorf("the watch has told of its end: %v", cause)
		}
	}
	want(m, "delete", m.Delete(m.Context(), c.Key, store.ByToken(token)), nil)
	w.expect(m, gone(c.Key, token, store.CauseDeleted), 0)
}

// A term that ends while its slot moves stays ended, and the next has a larger token.
func (m *mover) testEndOnTheMove() {
	for _, kinds := range [][]string{nil, {"key", "fence", "index"}} {
		tag, slot := m.tag()
		c := long("{" + tag + "}:key")
		token := m.create(c).Token
		move := m.move(slot)
		for _, kind := range kinds {
			move.Carry(part(move.Left(), kind)...)
		}
		want(m, "delete", m.Delete(m.Context(), c.Key, store.ByToken(token)), nil)
		_, err := m.Create(m.Context(), c)
		want(m, "its create on the way", err, store.ErrUnavailable)
		move.Finish()
		_, err = m.Create(m.Context(), c)
		want(m, "its create again", err, store.ErrEnded)
		if got := m.list(c.Key); len(got) != 0 {
			m.Errorf("list: %v", got)
		}
		if next := m.create(long(c.Key)).Token; next <= token {
			m.Errorf("token %d after %d", next, token)
		}
	}
}

// A claim that is on another server than the record is not next, and gets no lease after the move
// once it was withdrawn or settled.
func (m *mover) testNextOnTheMove(kinds []string, end func(c store.Claim) error) {
	tag, slot := m.tag()
	c, w := long("{"+tag+"}:key"), long("{"+tag+"}:key")
	token := m.create(c).Token
	m.bench.next(w, func(store.Grant) {})
	move := m.move(slot)
	for _, kind := range kinds {
		names := part(move.Left(), kind)
		if len(names) != 1 {
			m.Fatalf("%q of the kind %q", names, kind)
		}
		move.Carry(names...)
	}
	want(m, "the end of the claim", end(w), nil)
	move.Finish()
	want(m, "delete", m.Delete(m.Context(), c.Key, store.ByToken(token)), nil)
	if _, err := m.Get(m.Context(), c.Key); !errors.Is(err, store.ErrNotFound) {
		m.Errorf("after its end and the delete: %v", err)
	}
	if next := m.create(long(c.Key)).Token; next <= token {
		m.Errorf("token %d after %d", next, token)
	}
}

// A claim of the same name on both servers would keep the slot from moving on.
func (m *mover) testTwoNextOnTheMove() {
	tag, slot := m.tag()
	c, w := long("{"+tag+"}:key"), long("{"+tag+"}:key")
	token := m.create(c).Token
	m.bench.next(w, func(store.Grant) {})
	move := m.move(slot)
	move.Carry(append(part(move.Left(), "key"), part(move.Left(), "fence")...)...)
	_, next, err := m.CreateNext(m.Context(), long(c.Key), func(store.Grant) {})
	want(m, "CreateNext on the way", err, store.ErrHeld)
	if next {
		m.Errorf("a second claim is next")
	}
	move.Finish()
	want(m, "delete", m.Delete(m.Context(), c.Key, store.ByToken(token)), nil)
	if grant, _, err := m.CreateNext(m.Context(), w, func(store.Grant) {}); err != nil || grant.Token <= token {
		m.Errorf("token %d after %d: %v", grant.Token, token, err)
	}
}

// What is not there may be on the other server, so neither can say.
func (m *mover) testNewOnTheMove() {
	tag, slot := m.tag()
	c := long("{" + tag + "}:key")
	move := m.move(slot)
	_, err := m.Create(m.Context(), c)
	want(m, "create", err, store.ErrUnavailable)
	want(m, "renew", m.renew(store.Renewal{Key: c.Key, Token: 1}).Err, store.ErrUnavailable)
	_, err = m.Get(m.Context(), c.Key)
	want(m, "get", err, store.ErrUnavailable)
	for _, err := range m.List(m.Context(), c.Key) { // the create has put the key into the index
		want(m, "list", err, store.ErrUnavailable)
	}
	move.Finish()
	_, err = m.Get(m.Context(), c.Key)
	want(m, "get after the move", err, store.ErrNotFound)
	m.try("after the move", true, c, m.create(c).Token)
}

// A move takes a moment for each name, and a name lives longer by that moment. The target is
// slow here because it stands still; a huge value before the name has the same effect.
func (m *mover) testShiftOnTheMove(late string, size int) {
	target := m.cluster.Masters[1]
	const day = 24 * time.Hour
	var c store.Claim
	var token store.Token
	eventually(m, "a move adds more than a second to one time to live", func() bool {
		tag, slot := m.tag()
		c = long("{" + tag + "}:key")
		c.Value = bytes.Repeat([]byte("v"), size)
		token = m.create(c).Token
		move := m.move(slot)
		last := part(move.Left(), late)
		for _, kind := range []string{"key", "fence", "index"} {
			if kind != late {
				move.Carry(part(move.Left(), kind)...)
			}
		}
		target.Pause()
		resumed := make(chan struct{})
		go func() {
			defer close(resumed)
			time.Sleep(2 * time.Second)
			target.Resume()
		}()
		move.Carry(last...)
		<-resumed
		move.Finish()
		fence, err := m.nodes[1].Keys(m.Context(), "leasehold:*}:f:{"+tag+"}:key").Result()
		check(m, err)
		shift := m.nodes[1].PTTL(m.Context(), c.Key).Val() + day + 2*c.TTL - m.nodes[1].PTTL(m.Context(), fence[0]).Val()
		return shift.Abs() > time.Second
	})
	m.try("after the move", true, c, token)
	want(m, "delete", m.Delete(m.Context(), c.Key, store.ByToken(token)), nil)
	m.create(long(c.Key))
}

func (m *mover) testRightsOnTheMove() {
	m.Store = open(m, m.user("mover", "+cluster|slots", "+asking"))
	m.testRecordOnTheMove([]string{"key", "fence", "index"}, true)
	_, err := redisstore.New(m.Context(), m.user("stayer", "+cluster|slots"))
	if fault, ok := errors.AsType[*redisstore.ServerError](err); !ok || fault.What != "asking" {
		m.Errorf("new without the right to follow a slot: %v", err)
	}
}

// user returns a client that may do on each server what the package's doc asks for,
// and what else rules say.
func (m *mover) user(name string, rules ...string) redis.UniversalClient {
	args := []any{"ACL", "SETUSER", name, "reset", "on", ">secret", "~*", "&leasehold:*"}
	for _, rule := range append(rules, commands...) {
		args = append(args, rule)
	}
	for _, node := range m.nodes {
		check(m, node.Do(m.Context(), args...).Err())
	}
	client := redis.NewClusterClient(&redis.ClusterOptions{Addrs: m.cluster.Addrs(), Username: name, Password: "secret"})
	m.Cleanup(func() { client.Close() })
	return client
}

// A wait must follow on the connection that carried the write, so nobody goes after
// a record that has been carried over: it is out of reach until the move is over.
func (m *mover) testReplicasOnTheMove() {
	tag, slot := m.tag()
	c := long("{" + tag + "}:key")
	w := store.Renewal{Key: c.Key, Token: m.create(c).Token}
	m.Store = open(m, m.plain, redisstore.WithReplicaAck(1, time.Millisecond))
	move := m.move(slot)
	want(m, "renew on the source", m.renew(w).Err, store.ErrInDoubt)
	move.Carry(move.Left()...)
	want(m, "renew on the target", m.renew(w).Err, store.ErrUnavailable)
	move.Finish()
	eventually(m, "the client knows of the move", func() bool { return errors.Is(m.renew(w).Err, store.ErrInDoubt) })
}

// The same while everyone is at work: whatever the moment, a verb's answer is the
// right one or that there is none.
func TestSlotsOnTheMoveUnderLoad(t *testing.T) {
	full.Only(t)
	t.Parallel()
	m := startMover(t)
	held := map[string]store.Token{m.far.Key: m.far.Token}
	var stop atomic.Bool
	var workers sync.WaitGroup
	work := func(do func()) {
		workers.Go(func() {
			for !stop.Load() {
				do()
			}
		})
	}
	all := watch(m.bench, "")
	all.expect(t, synced, 0)
	var moving []int
	for range 3 {
		tag, slot := m.tag()
		moving = append(moving, slot)
		c := long("{" + tag + "}:held")
		token := m.create(c).Token
		held[c.Key] = token
		work(func() { m.hasAnswer("renew", m.renew(store.Renewal{Key: c.Key, Token: token}).Err, nil) })
		work(func() { m.hasAnswer("another's create", m.intrude(c, token), store.ErrHeld) })
		work(func() { m.comeAndGo("{" + tag + "}:passing") })
	}
	work(func() { m.listsAll(held) })
	for range 3 {
		for _, slot := range moving {
			m.carryAll(slot, m.cluster.Masters[0], m.cluster.Masters[1])
		}
		for _, slot := range moving {
			m.carryAll(slot, m.cluster.Masters[1], m.cluster.Masters[0])
		}
	}
	stop.Store(true)
	workers.Wait()
	for key, token := range held {
		want(t, "renew at the end", m.renew(store.Renewal{Key: key, Token: token}).Err, nil)
	}
	if got := m.list(""); len(got) != len(held) {
		t.Errorf("list at the end: %v", got)
	}
	eventually(t, "watch and list agree", func() bool { return all.agrees(m.bench, "") })
	for key, token := range held {
		for _, cause := range []store.Cause{store.CauseUnknown, store.CauseExpired, store.CauseDeleted} {
			if all.saw(gone(key, token, cause), 0) {
				t.Errorf("the watch has told of the end of %q: %v", key, cause)
			}
		}
	}
}

// hasAnswer checks an answer that may be missing, and reports whether it is there.
func (m *mover) hasAnswer(verb string, err, right error) bool {
	if errors.Is(err, store.ErrUnavailable) || errors.Is(err, store.ErrInDoubt) {
		return false
	}
	want(m, verb, err, right)
	return true
}

// comeAndGo holds a key for a moment. It goes on at each step until that is done.
func (m *mover) comeAndGo(key string) {
	c := long(key)
	var token store.Token
	for done := false; !done; {
		grant, err := m.Create(m.Context(), c)
		token, done = grant.Token, m.hasAnswer("create", err, nil)
	}
	for done := false; !done; {
		err := m.Update(m.Context(), store.Update{Key: key, Token: token, Seq: 1, Value: []byte("second")})
		done = m.hasAnswer("update", err, nil)
	}
	for done := false; !done; {
		done = m.hasAnswer("delete", m.Delete(m.Context(), key, store.ByToken(token)), nil)
	}
	for done := false; !done; {
		done = m.hasAnswer("renew after delete", m.renew(store.Renewal{Key: key, Token: token}).Err, store.ErrLost)
	}
}

// listsAll checks that a list which does not fail has all that are held.
func (m *mover) listsAll(held map[string]store.Token) {
	got := make(map[string]store.Token)
	for r, err := range m.List(m.Context(), "") {
		if !m.hasAnswer("list", err, nil) {
			return
		}
		got[r.Key] = r.Token
	}
	for key, token := range held {
		if got[key] != token {
			m.Errorf("list: %q has token %d, want %d", key, got[key], token)
		}
	}
}

// carryAll moves a slot, a name at a time.
func (m *mover) carryAll(slot int, source, target *redistest.Server) {
	move := m.cluster.Move(slot, source, target)
	for _, name := range move.Left() {
		move.Carry(name)
		time.Sleep(time.Millisecond) // for others to have their turn
	}
	move.Finish()
}
