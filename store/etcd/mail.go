package etcdstore

import (
	"context"
	"fmt"
	"maps"
	"strings"
	"sync"
	"time"

	"go.etcd.io/etcd/api/v3/mvccpb"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/leasehold-go/leasehold/store"
)

// The prefixes of the names of requests and answers. A name has the key's length, as that of a
// mark has. An answer deletes its request.
const (
	requests = store.Reserved + "q:"
	answers  = store.Reserved + "a:"
)

func mailOf(prefix, key string) string { return fmt.Sprintf("%s%03d:%s:", prefix, len(key), key) }

func requestOf(key, id string) string { return mailOf(requests, key) + id }
func answerOf(key, id string) string  { return mailOf(answers, key) + id }

// letter is the value of a request: a line with these words, and the body.
type letter struct {
	token store.Token // of the lease that it is for; zero for any
	ttl   time.Duration
	asker store.Nonce // of the call that put it
	body  string
}

func (l letter) String() string {
	return fmt.Sprintf("%d %d %v\n%s", l.token, l.ttl.Milliseconds(), l.asker, l.body)
}

// parseLetter reads the value of a request.
func parseLetter(kv *mvccpb.KeyValue) (l letter, asker string, ok bool) {
	line, body, _ := strings.Cut(string(kv.Value), "\n")
	var ms int64
	n, _ := fmt.Sscanf(line, "%d %d %s", &l.token, &ms, &asker)
	l.ttl, l.body = time.Duration(ms)*time.Millisecond, body
	return l, asker, n == 3
}

// textOf returns the value of an answer: "f" if it is final or "n", and the body.
func textOf(a store.Answer) string {
	if a.Final {
		return "f" + string(a.Body)
	}
	return "n" + string(a.Body)
}

// parseAnswer reads the value of an answer.
func parseAnswer(id string, value []byte) (a store.Answer, ok bool) {
	if len(value) < 2 {
		return a, false
	}
	return store.Answer{ID: id, Body: value[1:], Final: value[0] == 'f'}, true
}

// mailLeases are the etcd leases of requests, answers and log entries. The servers end about a thousand etcd
// leases a second, so one for each request would delay the end of records. An etcd lease takes a
// key that is to live as long as the etcd lease still has, or up to a slack less.
type mailLeases struct {
	granting chan struct{} // holds an element while a grant is under way

	mu     sync.Mutex
	leases []mailLease
}

// mailLease is an etcd lease that ends no sooner than until.
type mailLease struct {
	id    clientv3.LeaseID
	until time.Time
	uses  int
}

func slackOf(ttl time.Duration) time.Duration { return min(max(time.Second, ttl/8), 23*time.Hour) }

// maxOnLease is how many keys are put on one etcd lease: its end deletes them in one go.
const maxOnLease = 10_000

// find returns an etcd lease for a ttl, or zero.
func (m *mailLeases) find(ttl time.Duration) clientv3.LeaseID {
	m.mu.Lock()
	defer m.mu.Unlock()
	now, fits := time.Now(), clientv3.LeaseID(0)
	alive := m.leases[:0]
	for _, l := range m.leases {
		left := l.until.Sub(now)
		if fits == 0 && l.uses < maxOnLease && left >= ttl && left <= ttl+slackOf(ttl)+time.Second { // which mailLease rounds up
			l.uses++
			fits = l.id
		}
		if left > 0 {
			alive = append(alive, l)
		}
	}
	m.leases = alive
	return fits
}

func (m *mailLeases) drop(id clientv3.LeaseID) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for i, l := range m.leases {
		if l.id == id {
			m.leases = append(m.leases[:i], m.leases[i+1:]...)
			return
		}
	}
}

// mailLease returns an etcd lease that lives for a ttl from now, and for a slack and the rest of
// a second longer at most.
func (s *Store) mailLease(ctx context.Context, ttl time.Duration) (clientv3.LeaseID, error) {
	m := &s.mailLeases
	if id := m.find(ttl); id != 0 {
		return id, nil
	}
	select {
	case m.granting <- struct{}{}:
		defer func() { <-m.granting }()
	case <-ctx.Done():
		return 0, &unsentError{context.Cause(ctx)}
	}
	if id := m.find(ttl); id != 0 {
		return id, nil
	}
	began := time.Now()
	life := max(wholeSeconds(ttl+slackOf(ttl)), wholeSeconds(time.Duration(s.minTTL.Load())))
	id, err := s.grant(ctx, life)
	if err != nil {
		return 0, &unsentError{err} // the request that needs it is not sent
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.leases = append(m.leases, mailLease{id: id, until: began.Add(seconds(life)), uses: 1})
	return id, nil
}

// shown are the requests that this store has yielded: their answers need not read them first.
type shown struct {
	mu       sync.Mutex
	requests map[string]shownRequest // by name
	sweepAt  int                     // number of requests at which those that have expired are dropped
}

type shownRequest struct {
	ttl   time.Duration
	until time.Time // when the request has expired
}

const minSweep = 256

func (s *shown) add(name string, ttl, left time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.requests) >= max(s.sweepAt, minSweep) {
		maps.DeleteFunc(s.requests, func(_ string, r shownRequest) bool { return time.Now().After(r.until) })
		s.sweepAt = 2 * len(s.requests)
	}
	if s.requests == nil {
		s.requests = make(map[string]shownRequest)
	}
	s.requests[name] = shownRequest{ttl, time.Now().Add(left)}
}

// take forgets a request, and returns its ttl, or zero if it was not shown.
func (s *shown) take(name string) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	defer delete(s.requests, name)
	return s.requests[name].ttl
}

// reply is an answer that a guarded operation stores. If a final one stands, an operation without
// a value leaves that alone, and one with a value fails.
type reply struct {
	key, id string
	text    string
	on      clientv3.LeaseID

	known    bool          // whether the store knows the request or an answer
	stands   bool          // whether there is a final answer
	revision int64         // of an answer that is not final, or zero
	ttl      time.Duration // of the request, if there is no answer
}

// reads returns the operations that read the state.
func (r *reply) reads() []clientv3.Op {
	return []clientv3.Op{clientv3.OpGet(requestOf(r.key, r.id)), clientv3.OpGet(answerOf(r.key, r.id))}
}

// learn notes the state.
func (r *reply) learn(found []response) {
	request, answer := found[0].first(), found[1].first()
	r.known = request != nil || answer != nil
	r.stands, r.revision, r.ttl = false, 0, 0
	if answer != nil {
		a, _ := parseAnswer(r.id, answer.Value)
		r.stands, r.revision = a.Final, answer.ModRevision
	} else if request != nil {
		l, _, _ := parseLetter(request)
		r.ttl = l.ttl
	}
}

// guards hold while request and answer are as learn has noted them.
func (r *reply) guards() []clientv3.Cmp {
	answer := answerOf(r.key, r.id)
	if r.revision != 0 {
		return []clientv3.Cmp{clientv3.Compare(clientv3.ModRevision(answer), "=", r.revision)}
	}
	return []clientv3.Cmp{absent(answer), clientv3.Compare(clientv3.CreateRevision(requestOf(r.key, r.id)), ">", 0)}
}

// puts stores the answer and deletes the request.
func (r *reply) puts() []clientv3.Op {
	return []clientv3.Op{clientv3.OpPut(answerOf(r.key, r.id), r.text, clientv3.WithLease(r.on)), clientv3.OpDelete(requestOf(r.key, r.id))}
}
