package redisstore

import (
	"context"

	"github.com/redis/go-redis/v9"
)

// command is one call of a script.
//
// go-redis repeats a call that failed, and then its error no longer tells whether
// an earlier attempt arrived. A write is sent once, and whoever asked decides.
type command struct {
	*redis.Cmd
	script *script
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

// bind says where the first key is and that the next follows at once, so that a
// Cluster's client need not ask the server.
func bind(ctx context.Context, sc *script, args []any) *command {
	cmd := redis.NewCmd(ctx, args...)
	cmd.SetFirstKeyPos(3)
	cmd.SetStepCount(1)
	return &command{Cmd: cmd, script: sc}
}

// NoRetry keeps go-redis from sending a write again.
func (c *command) NoRetry() bool { return c.script.repeat == once }

// Clone keeps a copy from being sent again too.
func (c *command) Clone() redis.Cmder {
	return &command{Cmd: c.Cmd.Clone().(*redis.Cmd), script: c.script}
}

// key returns the first key, which tells the slot.
func (c *command) key() string {
	key, _ := c.Args()[3].(string)
	return key
}

// spell makes the command ready to be sent again with the script's whole text.
func (c *command) spell(ctx context.Context) {
	args := append([]any{"eval", c.script.text}, c.Args()[2:]...)
	*c = *bind(ctx, c.script, args)
}
