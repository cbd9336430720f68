package registry_test

import (
	"context"
	"errors"
	"iter"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"github.com/leasehold-go/leasehold/internal/teststore"
	"github.com/leasehold-go/leasehold/registry"
	"github.com/leasehold-go/leasehold/store"
)

// fixedStore is a store with given records.
type fixedStore struct {
	store.Store
	records []store.Record
	err     error // returned by Get, and yielded last by List and Watch
}

func (s fixedStore) Get(context.Context, string) (store.Record, error) { return s.records[0], s.err }

func (s fixedStore) List(context.Context, string) iter.Seq2[store.Record, error] {
	return func(yield func(store.Record, error) bool) {
		for _, r := range s.records {
			if !yield(r, nil) {
				return
			}
		}
		if s.err != nil {
			yield(store.Record{}, s.err)
		}
	}
}

func (s fixedStore) Watch(context.Context, string) iter.Seq2[store.Event, error] {
	return func(yield func(store.Event, error) bool) {
		for _, r := range s.records {
			if !yield(store.Event{Kind: store.EventPut, Record: r}, nil) {
				return
			}
		}
		yield(store.Event{}, s.err)
	}
}

// read returns the record decoded from a value under the key.
func read(t *testing.T, value string, token store.Token) record {
	t.Helper()
	e, err := registry.Get[payload](t.Context(), fixedStore{records: []store.Record{
		{Key: key, Value: []byte(value), Token: token, Left: time.Second},
	}}, key)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func TestGetDecodesTheRecordOfAnInstance(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := teststore.New()
		inst := register(t, newKeeper(t, st), func(c *config) { c.Payload.Count = 42 })
		move(t, inst, Starting)
		e, s := published(t, st), inst.Status()
		if e.Key != key || e.Foreign() || !e.Published || e.Err != nil || e.Left != ttl || e.Payload.Count != 42 {
			t.Errorf("got %+v", e)
		}
		if d := diff(s.Identity, e.Identity); d != "" || e.Token != s.Token || e.State != "starting" || len(e.History) != 1 {
			t.Errorf("got %+v: %s", e, d)
		}
	})
}

func TestGetReturnsTheErrorOfTheStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := teststore.New()
		if _, err := registry.Get[payload](t.Context(), st, key); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("got %v, want %v", err, store.ErrNotFound)
		}
		if _, err := registry.Get[payload](t.Context(), st, ""); !errors.Is(err, store.ErrInvalid) {
			t.Errorf("got %v, want %v", err, store.ErrInvalid)
		}
	})
}

func TestRecordOfABareLeaseHasPayloadAlone(t *testing.T) {
	e := read(t, `{"count":7}`, 3)
	if e.Payload.Count != 7 || e.Err != nil || e.Token != 3 || e.Foreign() || e.Published || e.Left != time.Second {
		t.Errorf("got %+v", e)
	}
	if e.State != "" || !e.Heartbeat.IsZero() || !e.Registered.IsZero() || e.History != nil {
		t.Errorf("%+v has fields of the registry", e)
	}
}

func TestForeignValueHasPayloadAlone(t *testing.T) {
	e := read(t, `{"count":7,"hostname":"old"}`, 0)
	if e.Payload.Count != 7 || e.Err != nil || !e.Foreign() || e.Published {
		t.Errorf("got %+v", e)
	}
}

func TestForeignCopyOfAnInstanceHasNoToken(t *testing.T) {
	e := read(t, `{"leasehold":{"instance":"x","host":"h","state":"active"}}`, 0)
	if !e.Foreign() || !e.Published || e.Host != "h" || e.State != "active" {
		t.Errorf("got %+v", e)
	}
}

func TestRecordThatIsNotJSONHasAnError(t *testing.T) {
	for _, value := range []string{"hello", "", "\xff\x00", "{", `"text"`, "[]", "7"} {
		e := read(t, value, 3)
		if e.Err == nil || e.Published || e.Key != key || e.Token != 3 {
			t.Errorf("%q: got %+v", value, e)
		}
	}
	const want = `payload of "exchange:1:status": invalid character 'h' looking for beginning of value`
	if e := read(t, "hello", 3); e.Err.Error() != want {
		t.Errorf("got  %v\nwant %s", e.Err, want)
	}
}

func TestPayloadIsDecodedAsFarAsPossible(t *testing.T) {
	e := read(t, `{"count":"many","note":"n","leasehold":{"instance":"x","state":"active","ttl":1000}}`, 3)
	if e.Err == nil || e.Payload.Note != "n" || e.Payload.Count != 0 {
		t.Errorf("got %+v, want the note and an error about the count", e)
	}
	if !e.Published || e.Instance != "x" || e.State != "active" || e.Heartbeat.IsZero() {
		t.Errorf("got %+v, want the registry's part", e)
	}
}

// If the time left exceeds the TTL, no heartbeat can be derived.
func TestHeartbeatIsNeverInTheFuture(t *testing.T) {
	for _, r := range []store.Record{
		{Value: []byte(`{"leasehold":{"ttl":1000}}`), Left: 2 * time.Second},
		{Value: []byte(`{"leasehold":{"ttl":1000}}`), Left: store.Forever},
		{Value: []byte(`{"leasehold":{"ttl":-1000}}`), Left: time.Second},
		{Value: []byte(`{"leasehold":{}}`), Left: time.Second},
	} {
		e, err := registry.Get[payload](t.Context(), fixedStore{records: []store.Record{r}}, key)
		if err != nil || !e.Published || !e.Heartbeat.IsZero() {
			t.Errorf("%s with %v left: got %+v, %v", r.Value, r.Left, e, err)
		}
	}
}

func TestListContinuesAfterARecordThatCannotBeDecoded(t *testing.T) {
	st := fixedStore{records: []store.Record{
		{Key: "a", Value: []byte(`{"count":1}`), Token: 1, Left: time.Second},
		{Key: "b", Value: nil, Left: store.Forever},
		{Key: "c", Value: []byte("hello"), Token: 3, Left: time.Second},
		{Key: "d", Value: []byte(`{"count":4}`), Token: 4, Left: time.Second},
	}}
	var keys, unread string
	for e, err := range registry.List[payload](t.Context(), st, "") {
		if err != nil {
			t.Fatal(err)
		}
		keys += e.Key
		if e.Err != nil {
			unread += e.Key
		}
	}
	if keys != "abcd" || unread != "bc" {
		t.Errorf("listed %s, failed to decode %s; want abcd and bc", keys, unread)
	}
}

func TestListEndsWithTheErrorOfTheStore(t *testing.T) {
	st := fixedStore{records: []store.Record{{Key: "a", Token: 1}}, err: errBoom}
	var got []error
	for _, err := range registry.List[payload](t.Context(), st, "") {
		got = append(got, err)
	}
	if len(got) != 2 || got[0] != nil || got[1] != errBoom {
		t.Errorf("got %v, want a record and then %v", got, errBoom)
	}
}

func TestListAndWatchStopWhenTheLoopDoes(t *testing.T) {
	st := fixedStore{records: []store.Record{{Key: "a", Token: 1}, {Key: "b", Token: 2}}, err: errBoom}
	n := 0
	for range registry.List[payload](t.Context(), st, "") {
		n++
		break
	}
	for range registry.Watch[payload](t.Context(), st, "") {
		n++
		break
	}
	if n != 2 {
		t.Errorf("%d entries, want one of each", n)
	}
}

func TestListIsLimitedToThePrefix(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newKeeper(t, teststore.New())
		for _, key := range []string{"exchange:1", "exchange:2", "shard:1"} {
			register(t, k, func(c *config) { c.Key = key })
		}
		found := make(map[string]bool)
		for e, err := range registry.List[payload](t.Context(), k.Store(), "exchange:") {
			if err != nil {
				t.Fatal(err)
			}
			found[e.Key] = true
		}
		if d := diff(map[string]bool{"exchange:1": true, "exchange:2": true}, found); d != "" {
			t.Errorf("(-want +got):\n%s", d)
		}
	})
}

// watch sends the events of the key until ctx ends.
func watch(ctx context.Context, st store.Store) <-chan registry.Event[payload] {
	events := make(chan registry.Event[payload], 100)
	go func() {
		defer close(events)
		for e, err := range registry.Watch[payload](ctx, st, key) {
			if err != nil {
				return
			}
			events <- e
		}
	}()
	return events
}

func TestWatchYieldsTheChangesOfAnInstance(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := teststore.New()
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		events := watch(ctx, st)
		if e := <-events; e.Kind != store.EventSynced {
			t.Fatalf("got %+v, want EventSynced", e)
		}
		inst := register(t, newKeeper(t, st))
		if e := <-events; e.Kind != store.EventPut || e.Record.State != "idle" || e.Record.Token != inst.Lease().Token() {
			t.Errorf("got %+v, want idle", e)
		}
		move(t, inst, Starting)
		if e := <-events; e.Kind != store.EventPut || e.Record.State != "starting" || e.Record.Payload.Seen.State != Starting {
			t.Errorf("got %+v, want starting", e)
		}
		if err := inst.Deregister(t.Context()); err != nil {
			t.Fatal(err)
		}
		e := <-events
		if e.Kind != store.EventGone || e.Cause != store.CauseDeleted || e.Record.Key != key || e.Record.Token != inst.Lease().Token() || e.Record.Err != nil {
			t.Errorf("got %+v, want EventGone", e)
		}
	})
}

func TestWatchYieldsAnExpiry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := teststore.New()
		register(t, newKeeper(t, st))
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		events := watch(ctx, st)
		if first, mark := <-events, <-events; first.Kind != store.EventPut || first.Record.State != "idle" || mark.Kind != store.EventSynced {
			t.Fatalf("got %+v and %+v, want the record and EventSynced", first, mark)
		}
		st.Inject(teststore.Silence, teststore.Renew, teststore.Delete)
		for e := range events {
			if e.Kind == store.EventPut {
				continue // a heartbeat
			}
			if e.Kind != store.EventGone || e.Cause != store.CauseExpired {
				t.Errorf("got %+v, want EventGone by expiry", e)
			}
			return
		}
	})
}

func TestWatchEndsWithTheErrorOfTheStore(t *testing.T) {
	st := fixedStore{records: []store.Record{{Key: "a", Value: []byte("hello"), Token: 1}}, err: errBoom}
	var last error
	for e, err := range registry.Watch[payload](t.Context(), st, "") {
		if err == nil && e.Record.Err == nil {
			t.Errorf("got %+v, want a record with an Err", e)
		}
		last = err
	}
	if last != errBoom {
		t.Errorf("ended with %v, want %v", last, errBoom)
	}
}

// A reader sees the last error without a payload that has it, and how long a record lives.
func TestARecordHasTheLastErrorAndTheTTL(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := teststore.New()
		i := register(t, newKeeper(t, st))
		get := func() record {
			r, err := registry.Get[payload](t.Context(), st, key)
			if err != nil {
				t.Fatal(err)
			}
			return r
		}
		if r := get(); r.LastError != "" || !r.LastErrorAt.IsZero() || r.TTL != ttl {
			t.Errorf("%q at %v, ttl %v", r.LastError, r.LastErrorAt, r.TTL)
		}
		_ = i.RecordError(t.Context(), errBoom)
		if r := get(); r.LastError != "boom" || !r.LastErrorAt.Equal(time.Now()) {
			t.Errorf("%q at %v", r.LastError, r.LastErrorAt)
		}
		_ = i.RecordError(t.Context(), errors.New(strings.Repeat("é", 10_000)))
		if r := get(); len(r.LastError) > 1100 || !utf8.ValidString(r.LastError) || i.Status().LastError != strings.Repeat("é", 10_000) {
			t.Errorf("%d bytes are published", len(r.LastError))
		}
		_ = i.RecordError(t.Context(), nil)
		if r := get(); r.LastError != "" || !r.LastErrorAt.IsZero() {
			t.Errorf("%q at %v", r.LastError, r.LastErrorAt)
		}
	})
}
