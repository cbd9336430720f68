// Package member is one member of a fleet that shares shards. Every member publishes itself under a
// key, watches the keys of the others, and computes from the names which shards are its own. The
// names may differ from member to member for a moment, so each shard has a key too, and only the
// holder of that key runs the shard.
package member

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/leasehold-go/leasehold/fsm"
	"github.com/leasehold-go/leasehold/lease"
	"github.com/leasehold-go/leasehold/registry"
	"github.com/leasehold-go/leasehold/store"
)

// A member and a running shard have one state each.
var lifecycle = fsm.MustDefine("running", fsm.Table[string]{"running": {}})

type (
	config   = registry.Config[string, struct{}]
	instance = registry.Instance[string, struct{}]
)

// Member is a member of a fleet. All of a fleet have the same group and number of shards, and
// different names.
type Member struct {
	Group  string // the beginning of all keys
	Name   string
	Shards int
	Keeper *lease.Keeper

	// Work runs a shard until ctx ends, and then stops soon: another member waits for the shard.
	// The token is larger than the token of every earlier run of the shard. Pass it to the
	// resources that Work writes to.
	Work func(ctx context.Context, shard int, token store.Token) error

	// Assigned, if set, is told how many shards are the member's own, out of how many members.
	Assigned func(own, members int)
}

// Run is a member until ctx has ended, or until Work fails or a key cannot be used.
func (m *Member) Run(ctx context.Context) error {
	cfg := config{Key: m.members() + m.Name, Instance: m.Name, Wait: true, LivenessOnly: true}
	return registry.Supervise(ctx, m.Keeper, lifecycle, cfg, m.serve)
}

func (m *Member) members() string    { return m.Group + ":member:" }
func (m *Member) shard(n int) string { return fmt.Sprintf("%s:shard:%02d", m.Group, n) }

// serve follows the members and runs the member's own shards, while its own record is there.
func (m *Member) serve(ctx context.Context, _ *instance) error {
	ctx, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	own := make(shards)
	defer own.stop(func(int) bool { return true })

	members, complete := make(map[string]bool), false
	for e, err := range registry.Watch[struct{}](ctx, m.Keeper.Store(), m.members()) {
		if err != nil && ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err != nil {
			return err
		}
		name := strings.TrimPrefix(e.Record.Key, m.members())
		known := len(members)
		switch e.Kind {
		case store.EventPut:
			members[name] = true
		case store.EventGone:
			delete(members, name)
		case store.EventSynced:
			complete, known = true, -1
		}
		if !complete || known == len(members) {
			continue
		}
		owner := assign(m.Shards, slices.Collect(maps.Keys(members)))
		own.stop(func(n int) bool { return owner[n] != m.Name })
		for n, name := range owner {
			if name == m.Name && own[n] == nil {
				own[n] = m.start(ctx, n, fail)
			}
		}
		if m.Assigned != nil {
			m.Assigned(len(own), len(members))
		}
	}
	return nil
}

// start waits for a shard's key and works while it holds it, in a goroutine.
func (m *Member) start(ctx context.Context, n int, fail func(error)) *running {
	ctx, cancel := context.WithCancel(ctx)
	r := &running{cancel: cancel}
	r.ended.Go(func() {
		cfg := config{Key: m.shard(n), Instance: m.Name, Wait: true, LivenessOnly: true}
		err := registry.Supervise(ctx, m.Keeper, lifecycle, cfg, func(ctx context.Context, i *instance) error {
			return m.Work(ctx, n, i.Lease().Token())
		})
		if err != nil {
			fail(fmt.Errorf("shard %d: %w", n, err))
		}
	})
	return r
}

// shards are the shards that a member runs or waits for.
type shards map[int]*running

type running struct {
	cancel context.CancelFunc
	ended  sync.WaitGroup
}

// stop ends some shards, all at once, and returns when their work has ended and their keys are
// released.
func (s shards) stop(which func(n int) bool) {
	for n, r := range s {
		if which(n) {
			r.cancel()
			defer func() { r.ended.Wait(); delete(s, n) }()
		}
	}
}
