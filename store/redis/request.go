package redisstore

import (
	"context"

	"github.com/redis/go-redis/v9"
)

// How many calls share a request, and how many bytes of values: the server does nothing
// else while it runs a script.
const (
	maxShared      = 16
	maxSharedBytes = 64 << 10
)

// request is one command for a server, which carries one call or several.
type request struct {
	*redis.Cmd
	calls []*call
	bytes int
	room  [1]*call // for most calls
}

// newRequest makes a request of one call.
func newRequest(c *call) *request {
	r := &request{bytes: c.bytes}
	r.room[0] = c
	r.calls = r.room[:]
	return r
}

// take takes a call in, if it may share the request.
func (r *request) take(c *call, slotted bool) bool {
	first := r.calls[0]
	if !c.shares || !first.shares || c.alone || first.alone || len(r.calls) == maxShared || r.bytes+c.bytes > maxSharedBytes ||
		c.script != first.script || c.text != first.text || slotted && c.slot != first.slot ||
		len(c.args) != len(first.args) || c.script == nil && c.keys[1] != first.keys[1] {
		return false
	}
	r.calls = append(r.calls, c)
	r.bytes += c.bytes
	return true
}

// write makes the command.
func (r *request) write(l layout) {
	first := r.calls[0]
	if first.script == nil {
		args := append(make([]any, 0, len(first.keys)+len(r.calls)*len(first.args)), first.keys...)
		r.bind(1, r.appendArgs(args))
		return
	}
	args := make([]any, 0, 4+len(r.calls)*(len(first.keys)+len(first.args)))
	switch {
	case first.text && first.reads:
		args = append(args, "eval_ro", first.script.text(), 0)
	case first.text:
		args = append(args, "eval", first.script.text(), 0)
	case first.reads:
		args = append(args, "evalsha_ro", first.script.hash(), 0)
	default:
		args = append(args, "evalsha", first.script.hash(), 0)
	}
	for _, c := range r.calls {
		args = append(args, c.keys...)
	}
	args[2] = len(args) - 3
	if first.shares {
		args = append(args, l.prefix)
	}
	r.bind(3, r.appendArgs(args))
}

func (r *request) appendArgs(args []any) []any {
	for _, c := range r.calls {
		args = append(args, c.args...)
	}
	return args
}

// bind says where the first key is and that the next follows at once, so that a Cluster's
// client need not ask the server.
func (r *request) bind(first int8, args []any) {
	r.Cmd = redis.NewCmd(context.Background(), args...)
	r.SetFirstKeyPos(first)
	r.SetStepCount(1)
}

// Name hides from go-redis which command it is. A client that may send reads to
// replicas, or answer them from a cache, does not do so with a script, and must not
// with an index: one that is stale lacks records.
func (r *request) Name() string { return "evalsha" }

// NoRetry keeps go-redis from sending a request again: with it would go the others of its
// pipeline.
func (r *request) NoRetry() bool { return true }

// Clone keeps a copy from being sent again too.
func (r *request) Clone() redis.Cmder { return &request{Cmd: r.Cmd.Clone().(*redis.Cmd)} }

// err is why the request has no reply. A connection that broke later puts an error on
// replies that had come, so a value counts first; no request of ours has the reply nil.
func (r *request) err() error {
	if r.Val() != nil {
		return nil
	}
	if err := r.Err(); err != nil {
		return err
	}
	return redis.Nil
}

// settle gives each call its part of the reply. unsafe is the error of a write that too few
// replicas have acknowledged, or nil.
func (r *request) settle(unsafe error) {
	if err := r.err(); err != nil {
		r.fail(err)
		return
	}
	answers, ok := r.Val().([]any)
	each := r.calls[0].script != nil && r.calls[0].shares && ok && len(answers) == len(r.calls)
	for i, c := range r.calls {
		answer := r.Val()
		if each {
			answer = answers[i]
		}
		if _, written := answer.(int64); written {
			c.settle(answer, unsafe)
		} else {
			c.settle(answer, nil)
		}
	}
}

// fail gives each call an error.
func (r *request) fail(err error) {
	for _, c := range r.calls {
		c.settle(nil, err)
	}
}
