package redisstore

import (
	"context"
	"sync/atomic"

	"github.com/redis/go-redis/v9"
)

// call is one command on its way to a server: a call of a script, or a command on an
// index. A write is sent once; it is not repeated behind its caller's back, because its
// error has to tell whether the server may have had it.
type call struct {
	*redis.Cmd
	script *script // nil for a command on an index
	kind   kind
	cost   int // bytes of the request and, at most, of its reply

	stage    atomic.Int32
	wait     *wait // of the caller
	rerouted bool  // whether its node left the cluster once before it was sent
	repeats  int   // how often it was repeated without an answer

	given error // why its caller got no answer; set by the caller when it leaves
}

// kind says how a call takes its turn.
type kind uint8

const (
	plainCall kind = iota
	renewal        // goes before plain calls
	closing        // is sent although the store is being closed: a delete
)

// The stages of a call. Its sender and its caller move it on by compare-and-swap, so a call
// that its caller was told is unsent is never sent.
const (
	queued    int32 = iota
	sent            // belongs to the sender until it is answered
	answered        // the Cmd has its final reply or error
	withdrawn       // its caller left before it was sent
	left            // its caller left while it was under way
)

// wait is what a caller waits on until all its calls are answered.
type wait struct {
	open atomic.Int32  // calls without an answer
	done chan struct{} // holds one element once there are none
}

// newCall makes a call of sc on keys of one slot. cost is the number of bytes of the
// arguments and of the longest reply that is likely.
func newCall(sc *script, k kind, cost int, args []any) *call {
	return bind(&call{script: sc, kind: k, cost: cost}, 3, args)
}

// newCommand makes a call that is a command on an index, which is its first argument.
func newCommand(cost int, args ...any) *call {
	return bind(&call{cost: cost}, 1, args)
}

// bind gives a call its arguments. It says where the first key is and that the next
// follows at once, so that a Cluster's client need not ask the server.
func bind(c *call, first int8, args []any) *call {
	c.Cmd = redis.NewCmd(context.Background(), args...)
	c.SetFirstKeyPos(first)
	c.SetStepCount(1)
	return c
}

// newRange reads a page of an index: the names between two bounds, in order. It is
// no script, because a list on a Cluster reads all indices there are, and most are
// empty: to begin a script costs the server twenty times what such a read does.
func newRange(index, from, end string, most int) *call {
	const likely = 1 << 10
	return newCommand(likely, "zrangebylex", index, from, end, "limit", 0, most)
}

// Name hides from go-redis which command it is. A client that may send reads to
// replicas, or answer them from a cache, does not do so with a script, and must not
// with an index: one that is stale lacks records.
func (c *call) Name() string { return "evalsha" }

// NoRetry keeps go-redis from sending a call again: with it would go the others of its
// pipeline.
func (c *call) NoRetry() bool { return true }

// repeatable reports whether the call may be sent again without an answer: it reads, or
// does to an index what may be done twice.
func (c *call) repeatable() bool {
	const most = 2
	return (c.script == nil || c.script == getScript || c.script == dropScript) && c.repeats < most
}

// Clone keeps a copy from being sent again too.
func (c *call) Clone() redis.Cmder {
	return &call{Cmd: c.Cmd.Clone().(*redis.Cmd), script: c.script}
}

// first is the place of the first key among the arguments.
func (c *call) first() int {
	if c.script == nil {
		return 1
	}
	return 3
}

// key returns the first key, which tells the slot.
func (c *call) key() string {
	key, _ := c.Args()[c.first()].(string)
	return key
}

// spellOut makes the call ready to be sent again with the script's whole text.
func (c *call) spellOut() {
	bind(c, 3, append([]any{"eval", c.script.text}, c.Args()[2:]...))
}

// reset makes the call ready to be sent again as it is.
func (c *call) reset() { bind(c, int8(c.first()), c.Args()) }

// reply returns the server's reply to a call whose caller waits for it no longer. A
// connection that broke later puts an error on replies that had come, so a value counts
// first; no call of ours has the reply nil. A write that too few replicas acknowledged has
// both.
func (c *call) reply() (any, error) {
	if c.given != nil {
		return nil, c.given
	}
	if v := c.Val(); v != nil {
		if failed, ok := c.Err().(*replicasError); ok {
			return v, failed
		}
		return v, nil
	}
	if err := c.Err(); err != nil {
		return nil, err
	}
	return nil, redis.Nil
}

// settle is the sender's word that the call has its final reply.
func (c *call) settle() {
	if c.stage.CompareAndSwap(sent, answered) {
		c.wait.one()
	}
}

// one counts an answer.
func (w *wait) one() {
	if w.open.Add(-1) == 0 {
		w.done <- struct{}{}
	}
}

// leave is the caller's word that it waits no longer. A call without an answer has err as
// its error from then on, marked as unsent if it was not sent.
func (c *call) leave(err error) {
	for c.stage.Load() != answered { // a call that is sent once more is queued again
		switch {
		case c.stage.CompareAndSwap(queued, withdrawn):
			c.given = &unsentError{err}
			return
		case c.stage.CompareAndSwap(sent, left):
			c.given = err
			return
		}
	}
}

// refuse answers a call that is not sent.
func (c *call) refuse(err error) {
	if c.stage.CompareAndSwap(queued, sent) {
		c.SetErr(err)
		c.settle()
	}
}
