package redisstore

import (
	"errors"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/leasehold-go/leasehold/store"
)

// A call can be used again once it is answered, so none may be left in a queue then.
func TestACallThatCloseRefusesLeavesTheQueue(t *testing.T) {
	client := redis.NewClient(&redis.Options{Addr: "127.0.0.1:1", MaxRetries: -1, DialerRetries: 1})
	defer client.Close()
	tr := newTransport(connection{client: client, single: client}, newLayout("test:", 0, false), replicas{})
	s := tr.to(way{master: client})
	s.busy = maxPipelines // so that calls stay in the queue
	errs := make(map[kind]chan error)
	for _, k := range []kind{plainCall, closing, renewal} {
		c, err := newCommand(0, "get", "key"), make(chan error, 1)
		c.kind, errs[k] = k, err
		go func() {
			tr.do(t.Context(), c)
			_, failure := c.reply()
			err <- failure
		}()
	}
	calls := func() int {
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.renewals.len() + s.others.len()
	}
	for calls() < 3 {
		time.Sleep(time.Millisecond)
	}
	closed := make(chan struct{})
	go func() { defer close(closed); tr.close() }()
	for _, k := range []kind{plainCall, renewal} {
		if err := <-errs[k]; !errors.Is(err, store.ErrClosed) {
			t.Errorf("a call of kind %d: %v", k, err)
		}
	}
	if n := calls(); n != 1 {
		t.Errorf("%d calls are queued, want that of the delete", n)
	}
	s.mu.Lock()
	s.busy = 0
	s.start()
	s.mu.Unlock()
	if err := <-errs[closing]; err == nil || errors.Is(err, store.ErrClosed) {
		t.Errorf("the delete was not sent: %v", err)
	}
	<-closed
}
