package redisstore

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

const (
	maxPipelines = 2                      // under way to a master at once, but for slow ones
	slowAfter    = 250 * time.Millisecond // a pipeline does not keep the next one waiting for longer
	maxSlow      = 8                      // beyond which a master counts as hung
	maxPipeline  = 3 * time.Second        // for one pipeline, if the client has no shorter read timeout
	minPipeline  = time.Second            // for one pipeline, if the client has a shorter one

	maxCalls      = 512       // in a pipeline
	maxBytes      = 1 << 20   // in a pipeline, values and longest replies, but for its first call
	alone         = 64 << 10  // a call of more bytes has a pipeline to itself
	maxQueued     = 1 << 16   // calls that wait for a pipeline
	maxQueueBytes = 128 << 20 // and their bytes; then callers wait for room
)

// errHung is the cause of a call that is not sent because too many pipelines to its
// master have no answer yet.
var errHung = errors.New("the server does not answer")

// sender carries calls one way. Calls are collected while a pipeline is under way
// and sent together; see run.
type sender struct {
	way
	transport *transport
	client    *redis.Client // of the master, with the limit of a pipeline as its timeouts

	mu       sync.Mutex
	renewals queue
	others   queue
	calls    int // in the queues
	bytes    int
	busy     int           // pipelines under way that are not slow
	slow     int           // pipelines under way that are
	room     chan struct{} // closed when the queues have room again; nil while nobody waits
	idle     []*pipeline   // whose goroutines wait for calls
	ended    bool          // whether they are to end instead
}

// add queues calls, and starts a pipeline if there is none that will take them. It waits
// for room until ctx ends.
func (s *sender) add(ctx context.Context, calls []*call) {
	s.mu.Lock()
	for _, c := range calls {
		for s.calls > 0 && (s.calls >= maxQueued || s.bytes+c.cost > maxQueueBytes) && s.slow < maxSlow {
			if s.room == nil {
				s.room = make(chan struct{})
			}
			room := s.room
			s.start()
			s.mu.Unlock()
			select {
			case <-room:
			case <-ctx.Done():
				return // the caller leaves, and withdraws what is not queued with the rest
			}
			s.mu.Lock()
		}
		s.push(c)
	}
	s.start()
	s.mu.Unlock()
}

func (s *sender) push(c *call) {
	if c.kind == renewal {
		s.renewals.push(c)
	} else {
		s.others.push(c)
	}
	s.calls++
	s.bytes += c.cost
}

// start starts a pipeline if there are calls and one may be under way. If the master is
// hung, the calls are refused.
func (s *sender) start() {
	switch {
	case s.calls == 0:
	case s.slow >= maxSlow:
		for c := s.next(); c != nil; c = s.next() {
			c.refuse(&unsentError{errHung})
		}
	case s.busy < maxPipelines:
		s.busy++
		s.transport.tasks.running.Add(1) // not after Close, which waits for the calls as well
		if last := len(s.idle) - 1; last >= 0 {
			s.idle[last].wake <- struct{}{}
			s.idle = s.idle[:last]
			return
		}
		p := &pipeline{sender: s, pipe: s.client.Pipeline(), wake: make(chan struct{}, 1)}
		p.timer = time.AfterFunc(time.Hour, p.late)
		s.transport.pipelines.Add(1)
		go p.run()
	}
}

// end has the goroutines of idle pipelines end, and the others once they are idle.
func (s *sender) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended = true
	for _, p := range s.idle {
		close(p.wake)
	}
	s.idle = nil
}

func (s *sender) queues() [2]*queue { return [2]*queue{&s.renewals, &s.others} }

// next takes any call out of the queues.
func (s *sender) next() *call {
	for _, q := range s.queues() {
		if c := q.pop(); c != nil {
			s.took(c)
			return c
		}
	}
	return nil
}

func (s *sender) took(c *call) {
	s.calls--
	s.bytes -= c.cost
	if s.room != nil {
		close(s.room)
		s.room = nil
	}
}

// pipeline is one exchange after another over the connections of a client. The sender's mutex
// guards the fields that take and late use.
type pipeline struct {
	sender   *sender
	pipe     redis.Pipeliner
	wake     chan struct{} // has an element when there are calls again; closed when it is to end
	timer    *time.Timer
	calls    int
	large    bool // whether the first call has it to itself
	requests []*request
	entries  []*request // for indices; they go last, so that none comes before its record
	commands []redis.Cmder
	underway bool
	slow     bool
}

// run makes one exchange after another until there is nothing to send, and waits to be woken
// then: a new goroutine would have to grow its stack for go-redis each time.
func (p *pipeline) run() {
	t := p.sender.transport
	defer t.pipelines.Done()
	for woken := true; woken; {
		for p.take() {
			p.exchange()
		}
		t.tasks.running.Done()
		_, woken = <-p.wake
	}
}

// take ends the exchange before and begins the next, or returns false if there is nothing
// to send or others are there to do it.
func (p *pipeline) take() bool {
	p.timer.Stop()
	s := p.sender
	s.mu.Lock()
	defer s.mu.Unlock()
	p.underway = false
	if p.slow {
		s.slow--
		p.slow = false
		if s.busy >= maxPipelines {
			close(p.wake) // it is not used again
			return false
		}
		s.busy++
	}
	p.clear()
	s.fill(p)
	if p.calls == 0 {
		s.busy--
		if s.ended {
			close(p.wake)
		} else {
			s.idle = append(s.idle, p)
		}
		return false
	}
	p.underway = true
	p.timer.Reset(slowAfter)
	return true
}

// late counts a pipeline as slow, so that it does not keep others waiting.
func (p *pipeline) late() {
	s := p.sender
	s.mu.Lock()
	defer s.mu.Unlock()
	if p.underway && !p.slow {
		p.slow = true
		s.busy--
		s.slow++
		s.start()
	}
}

// fill takes calls for a pipeline: renewals first, but a quarter is kept for other calls.
func (s *sender) fill(p *pipeline) {
	part := maxCalls
	if s.others.len() > 0 {
		part = maxCalls / 4 * 3
	}
	r := p.room(part, maxBytes/4*3)
	r.from(&s.renewals)
	r.calls, r.bytes = maxCalls-p.calls, r.bytes+maxBytes/4
	r.from(&s.others)
}

// room is the space that a pipeline still has.
type room struct {
	*pipeline
	calls, bytes int
}

func (p *pipeline) room(calls, bytes int) *room { return &room{p, calls, bytes} }

func (r *room) from(q *queue) {
	p := r.pipeline
	for c := q.peek(); c != nil && r.calls > 0; c = q.peek() {
		if p.calls > 0 && (c.cost > r.bytes || c.cost > alone || p.large) {
			return
		}
		q.pop()
		p.sender.took(c)
		if !c.stage.CompareAndSwap(queued, sent) {
			continue // its caller has left
		}
		p.add(c)
		r.calls--
		r.bytes -= c.cost
	}
}

// add puts a call into a request: into one of the last few, or into a new one.
func (p *pipeline) add(c *call) {
	const few = 8
	p.calls++
	p.large = c.cost > alone
	to := &p.requests
	if c.entry() {
		to = &p.entries
	}
	slotted := p.sender.transport.layout.slotted
	for i := len(*to) - 1; c.shares && i >= max(0, len(*to)-few); i-- {
		if (*to)[i].take(c, slotted) {
			return
		}
	}
	*to = append(*to, newRequest(c))
}

// clear makes the pipeline ready for other calls.
func (p *pipeline) clear() {
	for _, r := range p.requests {
		r.free()
	}
	clear(p.requests)
	clear(p.entries)
	clear(p.commands)
	p.requests, p.entries, p.commands = p.requests[:0], p.entries[:0], p.commands[:0]
	p.calls = 0
}

// exchange sends the calls and has each answered or sent on.
func (p *pipeline) exchange() {
	ctx := context.Background() // the pipeline belongs to no one caller
	t, acks := p.sender.transport, p.sender.acks
	p.requests = append(p.requests, p.entries...)
	for _, r := range p.requests {
		r.write(t.layout)
		p.commands = append(p.commands, r)
	}
	p.pipe.BatchProcess(ctx, p.commands...)
	var wait *redis.Cmd
	if acks {
		wait = p.pipe.Do(ctx, "wait", t.acks.count, t.acks.timeout.Milliseconds())
	}
	_, err := p.pipe.Exec(ctx) // the first of the requests' errors, as a rule
	p.stamp(err)
	var unsafe error
	if acks {
		unsafe = t.acks.unsafe(wait)
	}
	t.answer(p.sender, p.requests, unsafe)
	if p.calls > 1 {
		runtime.Gosched() // the callers have their next calls in the next pipeline
	}
}

// stamp puts an error on the requests that have neither reply nor error. go-redis leaves them
// so if a server refuses a new connection, a wrong password for one: nothing was sent then.
func (p *pipeline) stamp(err error) {
	if err == nil {
		return
	}
	for _, r := range p.requests {
		if r.Err() == nil && r.Val() == nil {
			r.SetErr(&unsentError{err})
		}
	}
}

// queue is calls in order.
type queue struct {
	calls []*call
	head  int
}

func (q *queue) len() int     { return len(q.calls) - q.head }
func (q *queue) push(c *call) { q.calls = append(q.calls, c) }

func (q *queue) peek() *call {
	if q.head == len(q.calls) {
		return nil
	}
	return q.calls[q.head]
}

// pop takes out the first call. The space before it is used again once that is half of
// all, so that a queue which never empties does not grow.
func (q *queue) pop() *call {
	c := q.peek()
	if c == nil {
		return nil
	}
	q.calls[q.head] = nil
	q.head++
	if q.head == len(q.calls) {
		q.calls, q.head = q.calls[:0], 0
	} else if q.head >= 1024 && q.head*2 >= len(q.calls) {
		q.calls, q.head = append(q.calls[:0], q.calls[q.head:]...), 0
	}
	return c
}
