package server_test

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/leasehold-go/leasehold/internal/full"
	"github.com/leasehold-go/leasehold/lease"
	"github.com/leasehold-go/leasehold/store"
	redisstore "github.com/leasehold-go/leasehold/store/redis"
)

func TestFlushAllEndsEveryTermAndLetsEveryWaiterIn(t *testing.T) {
	full.Only(t)
	t.Parallel()
	const keys = 20
	s := start(t)
	a, b := s.party(6*time.Second, time.Second), s.party(time.Hour, time.Second)
	var holders []lease.Lease
	var waiters []*claim
	for i := range keys {
		key := fmt.Sprintf("job:%d", i)
		holders = append(holders, a.acquire(key, "a"))
		waiters = append(waiters, b.await(key, "b"))
	}
	alone := a.acquire("alone", "a")

	s.do("FLUSHALL")
	for i, held := range holders {
		successor := waiters[i].taken()
		later(t, successor, held)
		if fault := lost(t, held); !errors.Is(fault.Cause, store.ErrLost) {
			t.Errorf("the store said %v of a record that is not there", fault.Cause)
		}
		s.powerless(held, successor)
	}
	lost(t, alone)
	if s.raw("alone") != "" || s.fenceName("alone") != "" {
		t.Error("a lost term put its record back")
	}
	eventually(t, "all records are listed", func() bool { return len(listed(t, b.store, "job:")) == keys })
}

func TestScriptFlushInTheMiddleIsNotNoticed(t *testing.T) {
	full.Only(t)
	t.Parallel()
	const keys = 8
	s := start(t)
	a := s.party(20*time.Second, 400*time.Millisecond)
	var holders []lease.Lease
	for i := range keys {
		holders = append(holders, a.acquire(fmt.Sprintf("job:%d", i), "0"))
	}
	var flushes atomic.Int64
	end := time.Now().Add(3 * time.Second)
	flushing := make(chan struct{})
	go func() {
		defer close(flushing)
		for time.Now().Before(end) {
			s.client.ScriptFlush(t.Context())
			flushes.Add(1)
			time.Sleep(time.Millisecond)
		}
	}()
	var last string
	for i := 1; time.Now().Before(end); i++ {
		last = fmt.Sprint(i)
		for _, held := range holders {
			if err := held.Update(t.Context(), []byte(last)); err != nil {
				t.Fatal(err)
			}
		}
		if got := listed(t, a.store, "job:"); len(got) != keys {
			t.Fatalf("%d of %d records are listed", len(got), keys)
		}
		held := a.acquire("other", "x")
		if err := held.Release(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	<-flushing
	for _, b := range a.told() {
		if b.Err != nil && strings.Contains(b.Err.Error(), "NOSCRIPT") {
			t.Errorf("a renewal failed with %v", b.Err)
		}
	}
	for _, held := range holders {
		a.renewed(held)
		if got := s.raw(held.Key()); got != last {
			t.Errorf("%q has %q, not %q", held.Key(), got, last)
		}
	}
	if flushes.Load() < 10 {
		t.Errorf("only %d flushes", flushes.Load())
	}
}

// What eviction can take of a record, one at a time.
func TestAVanishedPartOfARecordEndsItsTerm(t *testing.T) {
	full.Only(t)
	t.Parallel()
	s := start(t)
	a, b := s.party(6*time.Second, 500*time.Millisecond), s.party(time.Hour, 0)

	t.Run("record", func(t *testing.T) {
		held := a.acquire("record", "a")
		s.do("DEL", "record")
		if fault := lost(t, held); !errors.Is(fault.Cause, store.ErrLost) {
			t.Errorf("the store said %v", fault.Cause)
		}
		successor := b.acquire("record", "b")
		later(t, successor, held)
		s.powerless(held, successor)
	})
	t.Run("fence", func(t *testing.T) {
		held := a.acquire("fence", "a")
		s.do("DEL", s.fenceName("fence"))
		if fault := lost(t, held); !errors.Is(fault.Cause, store.ErrForeign) {
			t.Errorf("the store said %v of a record without a fence", fault.Cause)
		}
		// What is left is nobody's, and not taken from anybody before its time.
		if _, err := b.Acquire(t.Context(), "fence", []byte("b")); !errors.Is(err, store.ErrForeign) && s.raw("fence") != "" {
			t.Errorf("a record without a fence: %v", err)
		}
		eventually(t, "what is left of the record goes", func() bool { return s.raw("fence") == "" })
		successor := b.acquire("fence", "b")
		later(t, successor, held)
		s.powerless(held, successor)
	})
	t.Run("index", func(t *testing.T) {
		held := a.acquire("index", "a")
		s.do("DEL", store.Reserved+"index")
		a.renewed(held)
		eventually(t, "a renewed record is listed", func() bool {
			_, there := listed(t, b.store, "index")["index"]
			return there
		})
	})
}

func TestEvictionEndsTermsAndTokensTell(t *testing.T) {
	full.Only(t)
	t.Parallel()
	const keys = 100
	s := start(t, "--maxmemory", "16mb", "--maxmemory-policy", "allkeys-lru", "--maxmemory-samples", "64")
	a := s.party(10*time.Second, 4*time.Second, redisstore.WithEvictionAllowed())
	b := s.party(time.Hour, 0, redisstore.WithEvictionAllowed())
	holders := make([]lease.Lease, keys)
	for i := range keys {
		holders[i] = a.acquire(fmt.Sprintf("job:%d", i), "a")
	}
	time.Sleep(1100 * time.Millisecond) // the server tells ages apart by the second
	for i := 1; i < keys; i += 2 {
		s.do("TOUCH", holders[i].Key(), s.fenceName(holders[i].Key()))
	}
	junk := bytes.Repeat([]byte("x"), 64<<10)
	evicted := func() bool { return s.do("EXISTS", "job:0", "job:2", "job:4", "job:6") != int64(4) }
	for i := 0; i < 2000 && !evicted(); i++ {
		s.do("SET", fmt.Sprintf("junk:%d", i), junk)
	}
	s.do("CONFIG", "SET", "maxmemory", "0") // enough
	var intact, gone int
	from := time.Now()
	for _, held := range holders {
		if s.raw(held.Key()) != "" && s.fenceName(held.Key()) != "" {
			intact++
			a.renewedSince(held, from)
			continue
		}
		gone++
		var successor lease.Lease
		eventually(t, "what is left of an evicted record goes", func() (ok bool) {
			var err error
			successor, err = b.Acquire(t.Context(), held.Key(), []byte("b"))
			if err != nil && !errors.Is(err, store.ErrForeign) {
				t.Fatal(err)
			}
			return err == nil
		})
		later(t, successor, held)
		lost(t, held)
		s.powerless(held, successor)
	}
	if t.Logf("%d terms lost, %d intact", gone, intact); gone == 0 || intact == 0 {
		t.Error("the server is to have evicted some")
	}
	eventually(t, "all records are listed", func() bool { return len(listed(t, b.store, "job:")) == keys })
}

// A message about a delete can come late, when the holder has the key again.
func TestALateMessageOfADeleteIsNotTheCauseOfALoss(t *testing.T) {
	t.Parallel()
	s := start(t)
	a, b := s.party(time.Hour, time.Minute), s.party(time.Hour, time.Minute)
	messages := s.client.PSubscribe(t.Context(), "leasehold:*:s:*")
	defer messages.Close()
	if _, err := messages.Receive(t.Context()); err != nil {
		t.Fatal(err)
	}
	first := a.acquire("job", "a")
	want(t, "delete", b.store.Delete(t.Context(), "job", store.ByToken(first.Token())), nil)
	var message *redis.Message
	for message == nil || message.Payload != "job" { // not of an echo
		var err error
		if message, err = messages.ReceiveMessage(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if fault := lost(t, first); !fault.Deleted {
		t.Errorf("deleted through leasehold: %v", fault)
	}
	second := a.acquire("job", "a")
	s.do("DEL", "job")
	s.do("PUBLISH", message.Channel, message.Payload)
	if fault := lost(t, second); fault.Deleted {
		t.Errorf("deleted by another program: %v", fault)
	}
}
