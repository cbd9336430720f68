package redisstore

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/leasehold-go/leasehold/internal/ctxerr"
	"github.com/leasehold-go/leasehold/store"
)

// transport brings calls to the masters of their keys, through a sender for each.
type transport struct {
	connection
	layout layout
	acks   replicas
	tasks  tasks

	pipelines sync.WaitGroup // their goroutines

	mu      sync.RWMutex
	senders map[way]*sender
	astray  map[string]int // goroutines that go after calls, by the server that these were referred to; see follow
}

// way is the client of a master, for calls that replicas have to acknowledge, or for the others: what
// waits for replicas holds up nothing else.
type way struct {
	master *redis.Client
	acks   bool
}

const maxAstray = 64 // goroutines that go after calls which were referred to one server

func newTransport(c connection, l layout, acks replicas) *transport {
	return &transport{
		connection: c, layout: l, acks: acks,
		senders: make(map[way]*sender),
		astray:  make(map[string]int),
	}
}

// do sends calls and returns once each has its reply or its error, or ctx has ended. Each
// call has an answer of its own, also if ctx ended in the middle; see [call.reply].
func (t *transport) do(ctx context.Context, calls ...*call) {
	if len(calls) == 0 {
		return
	}
	w := waits.Get().(*wait)
	w.open.Store(int32(len(calls)))
	for _, c := range calls {
		c.wait = w
	}
	if ctx.Err() != nil || !t.tasks.enter() {
		err := store.ErrClosed
		if ctx.Err() != nil {
			err = ctxerr.Of(ctx)
		}
		for _, c := range calls {
			c.leave(err)
		}
		return
	}
	defer t.tasks.running.Done()
	t.route(ctx, calls)
	if w.wait(ctx) {
		for _, c := range calls {
			c.wait = nil
		}
		waits.Put(w) // nobody else has it any more
		return
	}
	for _, c := range calls {
		c.leave(ctxerr.Of(ctx))
	}
}

// route queues each call at the sender for the master of its key, as the client knows it. It
// uses the client's map of the cluster and asks no server; a server refers a call elsewhere if
// the map is wrong.
func (t *transport) route(ctx context.Context, calls []*call) {
	if t.single != nil && t.acks.count == 0 {
		t.to(way{master: t.single}).add(ctx, calls)
		return
	}
	if len(calls) == 1 {
		if w, err := t.wayOf(ctx, calls[0]); err != nil {
			calls[0].refuse(&unsentError{err})
		} else {
			t.to(w).add(ctx, calls)
		}
		return
	}
	if t.layout.slotted && calls[0].shares { // so that those of one slot share requests
		slices.SortStableFunc(calls, func(a, b *call) int { return a.slot - b.slot })
	}
	var order []way
	groups := make(map[way][]*call)
	for _, c := range calls {
		if ctx.Err() != nil {
			return // the caller leaves; a list has thousands of calls
		}
		w, err := t.wayOf(ctx, c)
		if err != nil {
			c.refuse(&unsentError{err})
			continue
		}
		if groups[w] == nil {
			order = append(order, w)
		}
		groups[w] = append(groups[w], c)
	}
	for _, w := range order {
		t.to(w).add(ctx, groups[w])
	}
}

// wayOf returns the way of a call.
func (t *transport) wayOf(ctx context.Context, c *call) (w way, err error) {
	w = way{t.single, t.acks.count > 0 && (c.script == createScript || c.script == renewScript)}
	if t.cluster != nil {
		w.master, err = t.cluster.MasterForKey(ctx, c.key())
	}
	return w, err
}

// masterOfSlot returns the client of the master that has a slot.
func (t *transport) masterOfSlot(ctx context.Context, slot int) (*redis.Client, error) {
	if t.single != nil {
		return t.single, nil
	}
	return t.cluster.MasterForKey(ctx, tags()[slot])
}

// to returns a sender.
func (t *transport) to(w way) *sender {
	t.mu.RLock()
	s := t.senders[w]
	t.mu.RUnlock()
	if s != nil {
		return s
	}
	var left []*sender
	t.mu.Lock()
	if s = t.senders[w]; s == nil {
		s = &sender{transport: t, way: w, client: w.master.WithTimeout(t.limit(w))}
		if own := s.client.Options(); own.Limiter != nil {
			own.Limiter = limiter{own.Limiter} // of this client alone
		}
		left = t.left()
		t.senders[w] = s
	}
	t.mu.Unlock()
	for _, gone := range left {
		t.forget(gone)
	}
	return s
}

// left returns the senders to nodes that have no slots any more, as the client knows it. t.mu is locked.
func (t *transport) left() []*sender {
	if t.cluster == nil {
		return nil
	}
	left := maps.Clone(t.senders)
	for i := 0; i < slots && len(left) > 0; i++ {
		master, err := t.cluster.MasterForKey(context.Background(), tags()[i*slotStride%slots])
		if err != nil {
			return nil
		}
		delete(left, way{master, false})
		delete(left, way{master, true})
	}
	return slices.Collect(maps.Values(left))
}

// limit is the time for one pipeline, which has up to 512 calls: a read timeout that is meant for
// one command is too short for it.
func (t *transport) limit(w way) time.Duration {
	limit := maxPipeline
	if own := w.master.Options().ReadTimeout; own > 0 {
		limit = min(limit, max(own, minPipeline))
	}
	if w.acks {
		limit += t.acks.timeout
	}
	return limit
}

// answer takes in the replies to a pipeline. A call that a server referred elsewhere goes
// there. A call is sent once more if the server did not know its script, if its node has left
// the cluster before it was sent, or if the request that it shared was refused as a whole. All
// others are answered. unsafe is as in [request.settle].
func (t *transport) answer(from *sender, requests []*request, unsafe error) {
	var astray, again []*call
	var relearn, closed bool
	repeat := func(r *request, change func(*call)) {
		for _, c := range r.calls {
			if c.requeue() {
				change(c)
				again = append(again, c)
			}
		}
	}
	for _, r := range requests {
		err, first := r.err(), r.calls[0]
		switch {
		case err == nil:
			relearn = relearn || hasNotMaster(r.Val())
			r.settle(unsafe)
			continue
		case isUnknownScript(err) && !first.sendText:
			repeat(r, func(c *call) { c.sendText = true })
			continue
		case errors.Is(err, redis.ErrClosed) && t.cluster != nil && !first.rerouted:
			repeat(r, func(c *call) { c.rerouted = true })
			closed = true
			continue
		case isNoReply(err) && !errors.Is(err, redis.ErrClosed) && first.repeatable():
			repeat(r, func(c *call) { c.repeats++ })
			relearn = true
			continue
		case isRedirect(err) && !from.acks && t.cluster != nil:
			for _, c := range r.calls {
				c.err = err
			}
			astray = append(astray, r.calls...)
			relearn = true
			continue
		}
		relearn = relearn || isNoReply(err) || isRedirect(err) || isNotMaster(err)
		if len(r.calls) > 1 && refused(err) {
			repeat(r, func(c *call) { c.alone = true })
			continue
		}
		if first.cost > alone && isNoReply(err) {
			err = &largeError{first.cost, err}
		}
		r.fail(err)
	}
	if relearn {
		t.relearn()
	}
	if closed {
		t.forget(from)
	}
	if len(astray) > 0 {
		t.follow(astray)
	}
	if len(again) > 0 {
		t.route(context.Background(), again)
	}
}

// forget ends the sender of a node that has left the cluster, and routes its calls anew.
func (t *transport) forget(s *sender) {
	t.mu.Lock()
	if t.senders[s.way] == s {
		delete(t.senders, s.way)
	}
	t.mu.Unlock()
	s.mu.Lock()
	var calls []*call
	for c := s.next(); c != nil; c = s.next() {
		calls = append(calls, c)
	}
	s.mu.Unlock()
	s.end()
	if len(calls) > 0 {
		t.route(context.Background(), calls)
	}
}

// follow sends calls once more, each by itself and where the servers said, which go-redis can
// and a pipeline cannot. The calls to one server go one after the other, so that no server
// keeps the calls to another waiting. With replicas to wait for, a call stays refused: the
// wait must be on the connection that carried it.
func (t *transport) follow(calls []*call) {
	groups := make(map[string][]*call)
	for _, c := range calls {
		to := c.err.Error()
		to = to[strings.LastIndexByte(to, ' ')+1:]
		groups[to] = append(groups[to], c)
	}
	for to, group := range groups {
		t.mu.Lock()
		full := t.astray[to] == maxAstray // that server hangs
		if !full {
			t.astray[to]++
		}
		t.mu.Unlock()
		if full {
			for _, c := range group {
				c.settle(nil, c.err)
			}
			continue
		}
		t.tasks.running.Add(1) // the calls are counted in already
		go func() {
			defer t.tasks.running.Done()
			defer func() {
				t.mu.Lock()
				defer t.mu.Unlock()
				if t.astray[to]--; t.astray[to] == 0 {
					delete(t.astray, to)
				}
			}()
			for _, c := range group {
				if c.stage.Load() != sent {
					continue // its caller has left
				}
				r := t.process(c)
				if isUnknownScript(r.err()) && !c.sendText {
					c.sendText = true
					r = t.process(c)
				}
				r.settle(nil)
			}
		}()
	}
}

// process sends a call by itself, wherever servers say.
func (t *transport) process(c *call) *request {
	r := newRequest(c)
	r.write(t.layout)
	r.route()
	t.client.Process(context.Background(), r) // its error is also the request's
	return r
}

// relearn has a Cluster's client fetch the map of the slots again, in the background. By
// itself the client does so once a minute, and when a server refers it to another; a dead
// server does not.
func (t *transport) relearn() {
	if t.cluster != nil {
		t.cluster.ReloadState(context.Background())
	}
}

// close answers the calls that are not sent yet with store.ErrClosed, except deletes, and
// returns when no call is under way.
func (t *transport) close() {
	t.tasks.stop()
	t.mu.RLock()
	for _, s := range t.senders {
		s.mu.Lock()
		for _, q := range s.queues() {
			for range q.len() {
				if c := q.pop(); c.kind == closing {
					q.push(c)
				} else {
					s.took(c) // first: its caller may use it again
					c.refuse(store.ErrClosed)
				}
			}
		}
		s.mu.Unlock()
	}
	t.mu.RUnlock()
	t.tasks.running.Wait()
	for _, s := range t.senders { // there are no calls any more that could add one
		s.end()
	}
	t.pipelines.Wait()
}

func isRedirect(err error) bool {
	_, moved := redis.IsMovedError(err)
	_, ask := redis.IsAskError(err)
	return moved || ask
}

// isUnknownScript reports whether a server does not have a script.
func isUnknownScript(err error) bool { return redis.HasErrorPrefix(err, "NOSCRIPT") }

// hasNotMaster reports whether an item of a batch has an error that says so.
func hasNotMaster(reply any) bool {
	answers, _ := reply.([]any)
	return slices.ContainsFunc(answers, func(answer any) bool {
		row, _ := answer.([]any)
		text, _ := at[string](row, 1)
		return reason(row) == "error" && isNotMaster(scriptError(text))
	})
}

// isNotMaster reports whether a server says that it takes no writes.
func isNotMaster(err error) bool {
	return slices.ContainsFunc([]string{"READONLY", "MASTERDOWN", "CLUSTERDOWN"}, func(code string) bool {
		return strings.Contains(err.Error(), code)
	})
}

// isNoReply reports whether err is not a server's word.
func isNoReply(err error) bool {
	var reply redis.Error
	return !errors.As(err, &reply)
}

// replicas is how many replicas have to acknowledge a write, and how long to
// wait for them.
type replicas struct {
	count   int
	timeout time.Duration
}

// unsafe returns the error of the writes before a WAIT, if too few replicas have
// acknowledged them.
func (r *replicas) unsafe(wait *redis.Cmd) error {
	got, err := wait.Int()
	if err == nil && got >= r.count {
		return nil
	}
	return &replicasError{got: got, want: r.count, err: err}
}
