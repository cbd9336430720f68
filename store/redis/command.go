package redisstore

import (
	"context"

	"github.com/redis/go-redis/v9"
)

// command is one call of a script, or one read of an index.
//
// go-redis repeats a call that failed, and then its error no longer tells whether
// an earlier attempt arrived. A write is sent once, and whoever asked decides.
type command struct {
	*redis.Cmd
	script *script // nil for a read of an index
	first  int     // place of the first key among the arguments
}

// newCommand calls sc with a record's names and further arguments.
func newCommand(ctx context.Context, sc *script, n names, args ...any) *command {
	all := make([]any, 0, 6+len(args))
	all = append(all, "evalsha", sc.hash, 3, n.key, n.fence, n.index)
	return bind(ctx, sc, append(all, args...))
}

// newCommandOn calls sc with any number of keys, all of one slot.
func newCommandOn(ctx context.Context, sc *script, keys []string, args ...any) *command {
	all := make([]any, 0, 3+len(keys)+len(args))
	all = append(all, "evalsha", sc.hash, len(keys))
	for _, key := range keys {
		all = append(all, key)
	}
	return bind(ctx, sc, append(all, args...))
}

// newRange reads a page of an index: the names between two bounds, in order. It is
// no script, because a list on a Cluster reads all indices there are, and most are
// empty: to begin a script costs the server twenty times what such a read does.
func newRange(ctx context.Context, index, from, end string, most int) *command {
	return newCall(ctx, nil, 1, []any{"zrangebylex", index, from, end, "limit", 0, most})
}

// bind makes a command that calls a script.
func bind(ctx context.Context, sc *script, args []any) *command {
	return newCall(ctx, sc, 3, args)
}

// newCall says where the first key is and that the next follows at once, so that a
// Cluster's client need not ask the server.
func newCall(ctx context.Context, sc *script, first int, args []any) *command {
	cmd := redis.NewCmd(ctx, args...)
	cmd.SetFirstKeyPos(int8(first))
	cmd.SetStepCount(1)
	return &command{Cmd: cmd, script: sc, first: first}
}

// Name hides from go-redis which command it is. A client that may send reads to
// replicas, or answer them from a cache, does not do so with a script, and must not
// with an index: one that is stale lacks records.
func (c *command) Name() string { return "evalsha" }

// NoRetry keeps go-redis from sending a write again.
func (c *command) NoRetry() bool { return c.script != nil && c.script.repeat == once }

// Clone keeps a copy from being sent again too.
func (c *command) Clone() redis.Cmder {
	return &command{Cmd: c.Cmd.Clone().(*redis.Cmd), script: c.script, first: c.first}
}

// key returns the first key, which tells the slot.
func (c *command) key() string {
	key, _ := c.Args()[c.first].(string)
	return key
}

// spell makes the command ready to be sent again with the script's whole text.
func (c *command) spell(ctx context.Context) {
	args := append([]any{"eval", c.script.text}, c.Args()[2:]...)
	*c = *bind(ctx, c.script, args)
}
