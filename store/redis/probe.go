package redisstore

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/leasehold-go/leasehold/store"
)

const (
	probeTTL   = 10 * time.Second
	probeSweep = time.Second // for the removal of what a probe that failed left
)

// errDiffers is the fault of a server that answers a step unlike Redis.
var errDiffers = errors.New("the result is not what was written")

// probe goes through the verbs once on each master. That loads the scripts, too.
func (c connection) probe(ctx context.Context, database int, clustered bool) error {
	s := c.prober(database, clustered)
	defer s.Close()
	for master, slot := range c.someSlots(ctx) {
		if err := s.probe(ctx, master.Options().Addr, slot); err != nil {
			return err
		}
	}
	return nil
}

// prober returns a store with records of its own: no other store lists them and no watch hears
// of them.
func (c connection) prober(database int, clustered bool) *Store {
	root := store.Reserved + "probe:" + store.NewNonce().String() + ":"
	return newStore(c, newLayout(root, database, clustered), replicas{})
}

// probe goes through the verbs on the master of a slot. The receiver is a prober.
func (s *Store) probe(ctx context.Context, address string, slot int) error {
	key := s.layout.root + "{" + tags()[slot] + "}"
	step, err := s.exercise(ctx, key)
	if err == nil {
		step, err = "del", s.sweep(ctx, key)
	}
	if err != nil {
		s.sweepLate(ctx, key)
		return unable(address, step, err)
	}
	return nil
}

// someSlots returns one slot of each master.
func (c connection) someSlots(ctx context.Context) map[*redis.Client]int {
	if c.single != nil {
		return map[*redis.Client]int{c.single: 0}
	}
	some := make(map[*redis.Client]int)
	for slot, tag := range tags() {
		if master, err := c.cluster.MasterForKey(ctx, tag); err == nil {
			some[master] = slot
		}
	}
	return some
}

// exercise goes through the verbs. It returns the one that failed.
func (s *Store) exercise(ctx context.Context, key string) (step string, err error) {
	claim := store.Claim{Key: key, Value: []byte("1"), TTL: probeTTL, Nonce: store.NewNonce()}
	grant, err := s.create(ctx, claim)
	if err != nil {
		return "create", err
	}
	bare := store.Renewal{Key: key, Token: grant.Token}
	first := store.Renewal{Key: key, Token: grant.Token, Seq: 1, Value: []byte("2")}
	second := store.Update{Key: key, Token: grant.Token, Seq: 2, Value: []byte("3")}
	results := make([]store.RenewResult, 3)
	s.renew(ctx, []store.Renewal{bare, bare, first}, results) // for several leases, extend in record.lua has other commands
	for _, answer := range results {
		if answer.Err != nil {
			return "renew", answer.Err
		}
	}
	if err := s.updateWith(ctx, second, store.Addition{}); err != nil {
		return "update", err
	}
	second.Token++ // of no lease
	if err := s.updateWith(ctx, second, store.Addition{}); !errors.Is(err, store.ErrLost) {
		return "refused update", cmp.Or(err, errDiffers)
	}
	if err := s.shows(ctx, key, second.Value, grant.Token); err != nil {
		return "get", err
	}
	if err := s.finds(ctx, key); err != nil {
		return "list", err
	}
	if err := s.mayAsk(ctx, key); err != nil {
		return "asking", err
	}
	if err := s.transport.publish(ctx, s.layout.of(key).slot, s.layout.ofKey(key), "+"); err != nil {
		return "publish", err
	}
	deletion := store.Deletion{Key: key, Ref: store.ByToken(grant.Token)}
	c := s.deletion(new(call), deletion, new(strings.Builder))
	s.transport.do(ctx, c)
	if _, err := c.number("delete", key); err != nil {
		return "delete", err
	}
	if err := s.tidies(ctx, key); err != nil {
		return "list", err
	}
	return "foreign value", s.exerciseForeign(ctx, key)
}

// exerciseForeign puts a value there as another program would. It is as long as scripts read by
// commands of their own.
func (s *Store) exerciseForeign(ctx context.Context, key string) error {
	value := bytes.Repeat([]byte("4"), maxRefusal+1)
	err := s.transport.tasks.try(ctx, func() error { return s.client.Set(ctx, key, value, probeTTL).Err() })
	if err != nil {
		return err
	}
	return s.shows(ctx, key, value, 0)
}

// shows reports through its error whether Get returns that record.
func (s *Store) shows(ctx context.Context, key string, value []byte, token store.Token) error {
	r, err := s.get(ctx, key)
	if err == nil && (!bytes.Equal(r.Value, value) || r.Token != token) {
		err = errDiffers
	}
	return err
}

// finds reports through its error whether the key is in its index. The others on a
// Cluster, one for each slot, are not asked.
func (s *Store) finds(ctx context.Context, key string) error {
	n := s.layout.of(key)
	entry := new(call).readyEntry(s.layout.indexArg(n.slot), key, n.slot)
	s.transport.do(ctx, entry)
	if _, err := entry.reply(); err != nil {
		return err
	}
	first, end := bounds(key)
	page, err := s.pageWave(ctx, []cursor{{s.layout.index(n.slot), first}}, end, maxPage)
	if err == nil && !slices.Contains(page.names, n) {
		err = errDiffers
	}
	if err != nil {
		return err
	}
	score := newCommand(entryCost, "zscore", s.layout.index(n.slot), key)
	s.transport.do(ctx, score)
	_, err = score.reply()
	return err
}

// tidies reports through its error whether an entry without a record goes.
func (s *Store) tidies(ctx context.Context, key string) error {
	c := s.index.drop(s.layout.indexOf(key), []string{key})
	s.transport.do(ctx, c)
	reply, err := c.reply()
	if err == nil && reply != int64(1) {
		err = errDiffers
	}
	return err
}

// mayAsk reports through its error whether the user lacks the right to go after a slot
// that moves, which ASKING allows the next command of its connection.
func (s *Store) mayAsk(ctx context.Context, key string) error {
	if !s.layout.slotted {
		return nil
	}
	err := s.transport.tasks.try(ctx, func() error {
		master, err := s.cluster.MasterForKey(ctx, key)
		if err != nil {
			return err
		}
		pipe := master.Pipeline()
		asking := pipe.Do(ctx, "asking")
		pipe.Time(ctx)
		pipe.Exec(ctx)
		return asking.Err()
	})
	if redis.IsPermissionError(err) {
		return err
	}
	return nil // whatever else is wrong, the other steps find
}

// sweep removes everything that has the probe's name.
func (s *Store) sweep(ctx context.Context, key string) error {
	n := s.layout.of(key)
	return s.transport.tasks.try(ctx, func() error { return s.client.Del(ctx, n.key, n.fence, s.layout.index(n.slot)).Err() })
}

// sweepLate tries to leave nothing behind after a step failed, though ctx may have ended.
func (s *Store) sweepLate(ctx context.Context, key string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), probeSweep)
	defer cancel()
	s.sweep(ctx, key)
}
