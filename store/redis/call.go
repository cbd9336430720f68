package redisstore

import (
	"context"
	"sync"
	"sync/atomic"

	"github.com/leasehold-go/leasehold/internal/ctxerr"
	"github.com/leasehold-go/leasehold/store"
)

// call is one piece of work for a server and has its own answer: a script for one record,
// a script for several keys, or a command. It is sent in a request. A write is
// sent once; it is not repeated behind its caller's back, because its error has to tell
// whether the server may have had it.
type call struct {
	script *script // nil for a command
	keys   []any   // of the script, strings or pointers to strings; for a command its name and first argument
	common []any   // arguments that its request has once; see with
	args   []any
	reads  bool // whether the script is sent as one that only reads, which takes fewer rights
	shares bool // its request with others of the same script or index
	slot   int  // of the keys, if it shares
	kind   kind
	cost   int // bytes of the request and, at most, of its reply
	bytes  int // of the value among the arguments

	stage    atomic.Int32
	wait     *wait // of the caller; nil if no sender has the call
	sendText bool  // whether the server has to be sent the script's text
	alone    bool  // whether the request that it shared was refused
	rerouted bool  // whether its node left the cluster once before it was sent
	repeats  int   // how often it was repeated without an answer

	answer any   // set by the sender before the call is answered, as is err
	err    error // both if too few replicas acknowledged a write
	given  error // why its caller got no answer; set by the caller when it leaves

	room [5]any    // for most keys and args
	text [5]string // which room points to: a pointer is an argument without an allocation; see key
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
	answered        // has its final answer or error
	withdrawn       // its caller left before it was sent
	left            // its caller left while it was under way
)

// wait tells a caller when all its calls are answered.
type wait struct {
	open atomic.Int32  // calls without an answer
	done chan struct{} // holds one element once there are none
}

// waits keeps finished waits, to be used again.
var waits = sync.Pool{New: func() any { return &wait{done: make(chan struct{}, 1)} }}

// wait returns true once all calls are answered, or false if ctx has ended before.
func (w *wait) wait(ctx context.Context) bool {
	var ended, limit <-chan struct{}
	if limited, ok := ctx.(*ctxerr.Limited); ok {
		ended, limit = limited.Signals()
	} else {
		ended = ctx.Done()
	}
	select {
	case <-w.done:
		return true
	case <-ended:
	case <-limit:
	}
	return false
}

// spareCalls keeps calls without content, to be used again: those of creates and deletes would
// otherwise be half of the bytes that these allocate.
var spareCalls = sync.Pool{New: func() any { return new(call) }}

func newCall() *call { return spareCalls.Get().(*call) }

// free keeps a call for another use once its caller has read the answer, unless a sender may still
// have it.
func (c *call) free() {
	if c.wait == nil {
		*c = call{}
		spareCalls.Put(c)
	}
}

// ready makes a call of a script for one record; bytes is the length of the value among args.
// It may share a request with other calls of the script; the server answers each by itself. There
// are up to three texts as arguments.
func (c *call) ready(sc *script, k kind, n names, bytes int, texts ...string) *call {
	c.script, c.kind, c.slot, c.bytes, c.shares = sc, k, n.slot, bytes, true
	c.cost = len(n.key) + len(n.fence) + bytes + maxRefusal
	c.text[0], c.text[1] = n.key, n.fence
	count := 2 + copy(c.text[2:], texts)
	for i := range count {
		c.room[i] = &c.text[i]
	}
	c.keys, c.args = c.room[:2], c.room[2:count]
	return c
}

// with adds arguments that its request has once. Only calls with equal ones share one.
func (c *call) with(common []any) *call {
	c.common = common
	return c
}

// newScriptCall makes a call of a script for several keys of one slot. cost is the number
// of bytes of the values among the arguments, or of the longest reply.
func newScriptCall(sc *script, cost int, keys []any, args ...any) *call {
	return &call{script: sc, cost: cost, keys: keys, args: args}
}

// newCommand makes a call that is a command.
func newCommand(cost int, name, first string, args ...any) *call {
	c := &call{cost: cost, args: args}
	c.room[0], c.room[1] = name, first
	c.keys = c.room[:2]
	return c
}

// at sends a command that names no key to the server that has one.
func (c *call) at(key string) *call {
	c.text[0] = key
	return c
}

// readyEntry makes a call that puts a key into an index. It may share a request with others.
func (c *call) readyEntry(index, key any, slot int) *call {
	c.cost, c.shares, c.slot = entryCost, true, slot
	copy(c.room[:], []any{"zadd", index, 0, key})
	c.keys, c.args = c.room[:2], c.room[2:4]
	return c
}

// readyRange makes a call that reads a page of an index: the names within bounds, in order. It is no
// script, because a list on a Cluster reads all indices there are, and most are empty: to begin a
// script costs the server as much as twenty such reads.
func (c *call) readyRange(index string, within []any, most int) *call {
	c.cost = most * store.MaxKey
	c.text[0] = index
	c.room[0], c.room[1] = rangeCommand, &c.text[0]
	c.keys, c.args = c.room[:2], within
	return c
}

var rangeCommand any = "zrangebylex"

// pageWithin returns the bounds of calls of readyRange, which may share them.
func pageWithin(from, end string, most int) []any { return []any{from, end, "limit", 0, most} }

// entry reports whether the call is one of readyEntry.
func (c *call) entry() bool { return c.script == nil && c.shares }

// repeatable reports whether the call may be sent again without an answer: it reads, publishes, or
// makes a change to an index that may be made twice. The entry of a create is left to housekeeping,
// so that a create in doubt does not wait for it.
func (c *call) repeatable() bool {
	const most = 2
	return (c.script == nil && !c.entry() || c.script == getScript || c.script == dropScript) && c.repeats < most
}

// key returns the key that tells the server: the first, or that of a command without one; see at.
func (c *call) key() string {
	if c.text[0] != "" {
		return c.text[0]
	}
	at := 0
	if c.script == nil {
		at = 1
	}
	key, _ := c.keys[at].(string)
	return key
}

// reply returns the answer, once the caller has stopped waiting. A write that too few replicas
// acknowledged has an error as well.
func (c *call) reply() (any, error) {
	if c.given != nil {
		return nil, c.given
	}
	return c.answer, c.err
}

// settle is the sender's word that the call has its final answer.
func (c *call) settle(answer any, err error) {
	c.answer, c.err = answer, err // which a caller that has left does not look at
	w := c.wait                   // once it is answered, its caller may use the call again
	if c.stage.CompareAndSwap(sent, answered) {
		w.one()
	}
}

// requeue takes back that the call was sent. It returns false if the caller has left.
func (c *call) requeue() bool { return c.stage.CompareAndSwap(sent, queued) }

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
		c.settle(nil, err)
	}
}
