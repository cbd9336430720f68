package redisstore

import (
	"context"
	"slices"
	"sync"

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
	*redis.Cmd // has the reply
	args       []any
	calls      []*call
	bytes      int

	ownCmd redis.Cmd // is Cmd, as a rule
}

// spareRequests keeps requests without content, to be used again with their room.
var spareRequests = sync.Pool{New: func() any { return new(request) }}

// newRequest makes a request of one call.
func newRequest(c *call) *request {
	r := spareRequests.Get().(*request)
	r.Cmd, r.calls, r.bytes = &r.ownCmd, append(r.calls, c), c.bytes
	return r
}

// free keeps a request for another use once its calls have had their answers.
func (r *request) free() {
	clear(r.args)
	clear(r.calls)
	*r = request{args: r.args[:0], calls: r.calls[:0]}
	spareRequests.Put(r)
}

// take takes a call in, if it may share the request.
func (r *request) take(c *call, slotted bool) bool {
	first := r.calls[0]
	if !c.shares || !first.shares || c.alone || first.alone || len(r.calls) == maxShared || r.bytes+c.bytes > maxSharedBytes ||
		c.script != first.script || c.sendText != first.sendText || slotted && c.slot != first.slot ||
		len(c.args) != len(first.args) || !slices.Equal(c.common, first.common) || c.script == nil && c.keys[1] != first.keys[1] {
		return false
	}
	r.calls = append(r.calls, c)
	r.bytes += c.bytes
	return true
}

// write makes the command.
func (r *request) write(l layout) {
	first := r.calls[0]
	args := slices.Grow(r.args, 4+len(first.common)+len(r.calls)*(len(first.keys)+len(first.args)))
	if first.script == nil {
		r.args = r.appendArgs(append(args, first.keys...))
		return
	}
	switch {
	case first.sendText && first.reads:
		args = append(args, "eval_ro", first.script.text(), 0)
	case first.sendText:
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
		args = append(append(args, l.prefix), first.common...)
	}
	r.args = r.appendArgs(args)
}

func (r *request) appendArgs(args []any) []any {
	for _, c := range r.calls {
		args = append(args, c.args...)
	}
	return args
}

// route makes a request ready for a Cluster's client, which finds the node. It says where the first
// key is and that the next follows at once, so that the client need not ask the server.
func (r *request) route() {
	args := slices.Clone(r.args)
	for i, arg := range args {
		if text, ok := arg.(*string); ok { // which hooks of the client would print as an address
			args[i] = *text
		}
	}
	r.args, r.Cmd = args, redis.NewCmd(context.Background(), args...)
	first := int8(3)
	if r.calls[0].script == nil {
		first = 1
	}
	r.SetFirstKeyPos(first)
	r.SetStepCount(1)
}

// Args returns the command, which r.Cmd has only after route. No hook of the caller's client sees it
// otherwise: WithTimeout leaves hooks out.
func (r *request) Args() []any { return r.args }

// Name hides from go-redis which command it is. A client that may send reads to
// replicas, or answer them from a cache, does not do so with a script, and must not
// with an index: one that is stale lacks records.
func (r *request) Name() string { return "evalsha" }

// NoRetry keeps go-redis from sending a request again: with it would go the others of its
// pipeline.
func (r *request) NoRetry() bool { return true }

// Clone keeps a copy from being sent again too.
func (r *request) Clone() redis.Cmder {
	return &request{Cmd: r.Cmd.Clone().(*redis.Cmd), args: r.args}
}

// err is why the request has no reply, or [redis.Nil] for the reply nil. A connection that broke
// later puts an error on replies that had come, so a value counts first.
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
