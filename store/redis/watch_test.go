package redisstore_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/leasehold-go/leasehold/internal/full"
	"github.com/leasehold-go/leasehold/store"
)

// watcher reads a watch in a goroutine and keeps what it was told.
type watcher struct {
	stop context.CancelFunc
	done chan struct{}

	mu      sync.Mutex
	events  []store.Event
	records map[string]store.Record
	err     error // the last thing told
}

func watch(b *bench, prefix string) *watcher {
	ctx, stop := context.WithCancel(b.Context())
	w := &watcher{stop: stop, done: make(chan struct{}), records: make(map[string]store.Record)}
	go func() {
		defer close(w.done)
		for e, err := range b.Watch(ctx, prefix) {
			w.hear(e, err)
		}
	}()
	b.Cleanup(func() { stop(); <-w.done })
	return w
}

func (w *watcher) hear(e store.Event, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case err != nil:
		w.err = err
		return
	case e.Kind == store.EventPut:
		w.records[e.Record.Key] = e.Record
	case e.Kind == store.EventGone:
		delete(w.records, e.Record.Key)
	}
	w.events = append(w.events, e)
}

// saw reports whether an event like e has come, after the first skip events.
func (w *watcher) saw(e store.Event, skip int) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.ContainsFunc(w.events[min(skip, len(w.events)):], func(got store.Event) bool {
		return got.Kind == e.Kind && got.Cause == e.Cause && got.Record.Key == e.Record.Key &&
			got.Record.Token == e.Record.Token && bytes.Equal(got.Record.Value, e.Record.Value)
	})
}

func (w *watcher) count() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.events)
}

// expect waits for an event.
func (w *watcher) expect(t testing.TB, e store.Event, skip int) {
	t.Helper()
	defer func() {
		if t.Failed() {
			w.mu.Lock()
			defer w.mu.Unlock()
			t.Logf("the watch has told of %v", w.events)
		}
	}()
	eventually(t, fmt.Sprintf("%v of %q (%v)", e.Kind, e.Record.Key, e.Cause), func() bool { return w.saw(e, skip) })
}

// agrees reports whether what was told is what List yields.
func (w *watcher) agrees(b *bench, prefix string) bool {
	listed := b.list(prefix)
	w.mu.Lock()
	defer w.mu.Unlock()
	return maps.EqualFunc(listed, w.records, func(a, b store.Record) bool {
		return a.Token == b.Token && bytes.Equal(a.Value, b.Value)
	})
}

func put(key string, token store.Token, value string) store.Event {
	return store.Event{Kind: store.EventPut, Record: store.Record{Key: key, Token: token, Value: []byte(value)}}
}

func gone(key string, token store.Token, cause store.Cause) store.Event {
	return store.Event{Kind: store.EventGone, Record: store.Record{Key: key, Token: token}, Cause: cause}
}

var (
	synced = store.Event{Kind: store.EventSynced}
	resync = store.Event{Kind: store.EventResync}
)

func TestWatchTellsOfEachChange(t *testing.T) {
	t.Parallel()
	b := start(t)
	before := b.hold("app:before")
	b.hold("other")
	w := watch(b, "app:")
	w.expect(t, synced, 0)
	w.mu.Lock()
	if len(w.events) != 2 || w.events[0].Kind != store.EventPut || w.events[1].Kind != store.EventSynced {
		t.Errorf("it began with %v", w.events)
	}
	w.mu.Unlock()
	w.expect(t, put("app:before", before.Token, "first"), 0)

	c := claim("app:new")
	c.TTL = 5 * time.Second
	grant := b.create(c)
	w.expect(t, put("app:new", grant.Token, "first"), 0)
	want(t, "update", b.Update(t.Context(), store.Update{Key: "app:new", Token: grant.Token, Seq: 1, Value: []byte("second")}), nil)
	w.expect(t, put("app:new", grant.Token, "second"), 0)
	want(t, "renew", b.renew(store.Renewal{Key: "app:before", Token: before.Token, Seq: 1, Value: []byte("third")}).Err, nil)
	w.expect(t, put("app:before", before.Token, "third"), 0)
	w.expect(t, gone("app:new", grant.Token, store.CauseExpired), 0)
	want(t, "delete", b.Delete(t.Context(), "app:before", store.ByToken(before.Token)), nil)
	w.expect(t, gone("app:before", before.Token, store.CauseDeleted), 0)
	b.hold("other two")
	if w.saw(store.Event{Kind: store.EventPut, Record: store.Record{Key: "other"}}, 0) {
		t.Error("told of a key beside its prefix")
	}
	if w.saw(resync, 0) {
		t.Error("told of changes that it might have missed")
	}
}

func TestWatchEndsWithItsContext(t *testing.T) {
	t.Parallel()
	b := start(t)
	cause := errors.New("the cause")
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	var last error
	for e, err := range b.Watch(ctx, "") {
		if last = err; e.Kind == store.EventSynced {
			cancel(cause)
		}
	}
	want(t, "the last element", last, cause)
}

func TestWatchEndsWithTheStore(t *testing.T) {
	t.Parallel()
	b := start(t)
	w := watch(b, "")
	w.expect(t, synced, 0)
	b.Close()
	<-w.done
	want(t, "the last element", w.err, store.ErrClosed)
}

func TestWatchesShareOneConnection(t *testing.T) {
	t.Parallel()
	b := start(t)
	var all []*watcher
	for range 10 {
		all = append(all, watch(b, ""))
	}
	for _, w := range all {
		w.expect(t, synced, 0)
	}
	subscribers := func() int64 {
		return int64(strings.Count(b.do("CLIENT", "LIST", "TYPE", "pubsub").(string), "psub=1"))
	}
	if n := subscribers(); n != 1 {
		t.Errorf("%d connections listen", n)
	}
	for _, w := range all {
		w.stop()
	}
	eventually(t, "nobody listens when nobody watches", func() bool { return subscribers() == 0 })
	again := watch(b, "")
	again.expect(t, synced, 0)
	want(t, "watch error", b.WatchErr(), nil)
}

func TestWatchResyncsAfterItsConnectionWasCut(t *testing.T) {
	t.Parallel()
	b := start(t)
	w := watch(b, "")
	w.expect(t, synced, 0)
	for i := range 5 {
		b.hold(fmt.Sprintf("before:%d", i))
		seen := w.count()
		if n := b.do("CLIENT", "KILL", "TYPE", "pubsub"); n != int64(1) {
			t.Fatalf("%v connections killed", n)
		}
		during := fmt.Sprintf("during:%d", i)
		b.hold(during)
		b.do("DEL", fmt.Sprintf("before:%d", i))
		w.expect(t, resync, seen)
		eventually(t, "watch and list agree", func() bool { return w.agrees(b, "") })
	}
}

func TestWatchOutlivesTheServer(t *testing.T) {
	t.Parallel()
	b := start(t)
	grant := b.hold("key")
	w := watch(b, "")
	w.expect(t, synced, 0)
	b.server.Stop()
	eventually(t, "it is known that nothing is heard", func() bool { return b.WatchErr() != nil })
	b.server.RestartEmpty()
	eventually(t, "it resyncs", func() bool { return w.saw(resync, 0) })
	w.expect(t, gone("key", grant.Token, store.CauseUnknown), 0)
	again := b.hold("key")
	w.expect(t, put("key", again.Token, "first"), 0)
	eventually(t, "it is heard again", func() bool { return b.WatchErr() == nil })
}

// Nothing is published, so only the watch's own timers can tell.
func TestWatchWithoutMessages(t *testing.T) {
	full.Only(t)
	t.Parallel()
	b := start(t)
	mute := *b
	mute.Store = open(t, grant(t, b, "mute")) // New refuses a user that may not publish
	b.do("ACL", "SETUSER", "mute", "resetchannels")
	c := claim("app:key")
	c.TTL = 3 * time.Second
	first := mute.create(c)
	w := watch(b, "app:") // may listen, but hears nothing
	deaf := watch(&mute, "app:")
	for _, w := range []*watcher{w, deaf} {
		w.expect(t, put("app:key", first.Token, "first"), 0)
		w.expect(t, synced, 0)
	}
	want(t, "watch error", b.WatchErr(), nil)
	if err := mute.WatchErr(); !redis.IsPermissionError(err) {
		t.Errorf("watch error: %v, want that there is no right to it", err)
	}
	second := mute.create(store.Claim{Key: "app:new", Value: []byte("second"), TTL: ttl, Nonce: store.NewNonce()})
	for _, w := range []*watcher{w, deaf} {
		w.expect(t, gone("app:key", first.Token, store.CauseExpired), 0)
		w.expect(t, put("app:new", second.Token, "second"), 0)
		w.expect(t, resync, 0)
	}
}

// Foreign values under a known key are told as List tells them.
func TestWatchTellsOfForeignValues(t *testing.T) {
	t.Parallel()
	b := start(t)
	grant := b.hold("key")
	w := watch(b, "")
	w.expect(t, synced, 0)
	b.do("SET", "key", "theirs", "PX", 2000)
	b.do("PUBLISH", "leasehold:0:k:key", "+")
	w.expect(t, put("key", 0, "theirs"), 0)
	w.expect(t, gone("key", 0, store.CauseExpired), 0)
	_ = grant
	b.do("SET", "never ours", "theirs")
	b.do("PUBLISH", "leasehold:0:k:never ours", "+")
	b.do("PUBLISH", "leasehold:0:k:", "")
	b.hold("key")
	eventually(t, "watch and list agree", func() bool { return w.agrees(b, "") })
	if w.saw(put("never ours", 0, "theirs"), 0) {
		t.Error("told of a value that List does not know")
	}
}

func TestWatchAgreesWithListUnderLoad(t *testing.T) {
	t.Parallel()
	b := start(t)
	watchers := []*watcher{watch(b, ""), watch(b, "key:1")}
	var writers sync.WaitGroup
	for i := range 8 {
		writers.Go(func() {
			for n := range 60 {
				key := fmt.Sprintf("key:%d", (i*7+n)%12)
				grant, err := b.Create(t.Context(), claim(key))
				if err != nil {
					continue
				}
				b.Update(t.Context(), store.Update{Key: key, Token: grant.Token, Seq: 1, Value: fmt.Append(nil, i, n)})
				if n%3 != 0 {
					b.Delete(t.Context(), key, store.ByToken(grant.Token))
				}
			}
		})
	}
	writers.Wait()
	for i, prefix := range []string{"", "key:1"} {
		eventually(t, "watch and list agree", func() bool { return watchers[i].agrees(b, prefix) })
	}
}

func TestWatchReturnsWhileTheServerIsSilent(t *testing.T) {
	t.Parallel()
	b := start(t)
	st := open(t, patient(t, b.server))
	b.server.Pause()
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	start := time.Now()
	for _, err := range st.Watch(ctx, "") {
		want(t, "watch", err, context.DeadlineExceeded)
	}
	if took := time.Since(start); took > prompt {
		t.Errorf("it took %v after its context had ended at 100ms", took)
	}
	b.server.Resume()
}

func TestCloseEndsAWatchThatIsStillBeginning(t *testing.T) {
	t.Parallel()
	b := start(t)
	b.server.Pause()
	w := watch(b, "")
	time.Sleep(50 * time.Millisecond)
	closed := make(chan struct{})
	go func() { b.Close(); close(closed) }()
	time.Sleep(50 * time.Millisecond)
	b.server.Resume()
	<-closed
	<-w.done
	want(t, "the last element", w.err, store.ErrClosed)
}

func TestCloseDoesNotWaitForMessages(t *testing.T) {
	t.Parallel()
	b := start(t)
	w := watch(b, "")
	w.expect(t, synced, 0)
	b.server.Pause()
	start := time.Now()
	b.Close()
	if took := time.Since(start); took > prompt {
		t.Errorf("it took %v", took)
	}
	b.server.Resume()
}

// The topic is still subscribed when it is wanted again, and the server has to confirm it once
// more.
func TestAWatchOfAKeyBegunAgainAtOnceDoesNotWait(t *testing.T) {
	t.Parallel()
	b := start(t)
	w := watch(b, "other") // keeps the connection
	w.expect(t, synced, 0)
	for range 30 {
		began := time.Now()
		for e, err := range b.WatchKey(t.Context(), "app:key") {
			if err != nil {
				t.Fatal(err)
			}
			if e.Kind == store.EventSynced {
				break
			}
		}
		if took := time.Since(began); took > 9*time.Second { // ten, if nothing is confirmed
			t.Fatalf("a watch took %v to begin", took)
		}
	}
}

// The confirmation of a watch that was left at once can come after another has begun, for which the
// connection is not subscribed yet.
func TestALateConfirmationIsNotThatOfTheNextWatch(t *testing.T) {
	t.Parallel()
	b := start(t)
	other := b.Store
	p := proxyTo(t, b.server.Addr(), "subscribe")
	b.Store = open(t, p.client(t))
	listen(b).hears(b, other) // keeps the connection
	token := b.hold("app:key").Token
	subscribed := func(n int64) {
		t.Helper()
		const channel = "leasehold:0:k:app:key"
		eventually(t, "the server knows of the subscription or its end", func() bool {
			return b.plain.PubSubNumSub(t.Context(), channel).Val()[channel] == n
		})
	}

	p.answers.Lock()
	ctx, leave := context.WithCancel(t.Context())
	left := make(chan struct{})
	go func() {
		defer close(left)
		for range b.WatchKey(ctx, "app:key") {
		}
	}()
	subscribed(1)
	leave()
	<-left
	subscribed(0)

	p.asks.Lock()
	ctx, leave = context.WithCancel(t.Context())
	defer leave()
	events := make(chan store.Event)
	go func() {
		defer close(events)
		for e := range b.WatchKey(ctx, "app:key") {
			select {
			case events <- e:
			case <-ctx.Done():
			}
		}
	}()
	synced, held := false, false
	take := func(most time.Duration) bool {
		select {
		case e := <-events:
			synced = synced || e.Kind == store.EventSynced
			held = e.Kind == store.EventPut || held && e.Kind != store.EventGone
			return true
		case <-time.After(most):
			return false
		}
	}
	time.Sleep(100 * time.Millisecond) // for it to begin
	p.answers.Unlock()
	for !synced && take(time.Second) {
	}
	check(t, other.Delete(t.Context(), "app:key", store.ByToken(token)))
	p.asks.Unlock()
	for !synced || held {
		if !take(prompt) {
			t.Fatal("the watch has not heard of the end of the record")
		}
	}
}
