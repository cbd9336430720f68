package page

import (
	"bytes"
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/leasehold-go/leasehold/store"
	memstore "github.com/leasehold-go/leasehold/store/memory"
)

// A board has room for so many rows. It counts the others, and forgets the oldest of those that went.
func TestTheRowsOfABoardAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := memstore.New()
		b := newBoard(st, "")
		b.room = 3
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { defer close(done); b.run(ctx) }()
		tokens := make(map[string]store.Token)
		create := func(key string) {
			g, err := st.Create(ctx, store.Claim{Key: key, Value: []byte("{}"), TTL: time.Hour, Nonce: store.NewNonce()})
			if err != nil {
				t.Fatal(err)
			}
			tokens[key] = g.Token
		}
		want := func(what string, live, truncated int) {
			t.Helper()
			time.Sleep(time.Second)
			s := b.snapshot()
			n := 0
			for _, k := range s.rows {
				if k.row.Gone == nil {
					n++
				}
			}
			if n != live || s.truncated != truncated {
				t.Errorf("%s: %d rows, %d more; want %d and %d", what, n, s.truncated, live, truncated)
			}
		}
		for i := range 5 {
			create(fmt.Sprint(i))
		}
		want("with five", 3, 2)
		for i := range 5 {
			if err := st.Delete(ctx, fmt.Sprint(i), store.ByToken(tokens[fmt.Sprint(i)])); err != nil {
				t.Fatal(err)
			}
		}
		want("after their end", 0, 0)
		for i := range maxGone + 50 {
			key := fmt.Sprint("more", i)
			create(key)
			time.Sleep(200 * time.Millisecond) // each is seen
			if err := st.Delete(ctx, key, store.ByToken(tokens[key])); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(probeEvery + time.Second)
		if n := len(b.snapshot().rows); n > maxGone {
			t.Errorf("%d rows of records that went, want at most %d", n, maxGone)
		}
		cancel()
		<-done
		if err := st.Close(); err != nil {
			t.Error(err)
		}
	})
}

// Frames are bounded by number and by bytes, and a client that is behind is told so.
func TestTheFramesOfABoardAreBounded(t *testing.T) {
	b := newBoard(memstore.New(), "")
	for range 2 * maxFrames {
		b.append(make([]byte, 10))
	}
	if len(b.frames) != maxFrames || b.backlog != 10*maxFrames {
		t.Errorf("%d frames of %d bytes", len(b.frames), b.backlog)
	}
	if _, _, ok := b.after(maxFrames - 1); ok {
		t.Error("a frame that was dropped was found")
	}
	if frames, _, ok := b.after(maxFrames); !ok || len(frames) != framesAtOnce {
		t.Errorf("%d frames, %v", len(frames), ok)
	}
	for range 5 {
		b.append(make([]byte, maxBacklog/2))
	}
	if len(b.frames) != 2 || b.backlog != maxBacklog {
		t.Errorf("%d frames of %d bytes", len(b.frames), b.backlog)
	}
	if frames, _, ok := b.after(b.first + 2); !ok || len(frames) != 0 {
		t.Errorf("at the end: %d frames, %v", len(frames), ok)
	}
	b.restart()
	if _, _, ok := b.after(b.first - 1); ok {
		t.Error("a client did not begin again")
	}
}

// All clients are told of an end, also if so many end at once that there is no room for their rows.
func TestEveryEndIsToldBeforeItsRowIsDropped(t *testing.T) {
	st := memstore.New()
	defer st.Close()
	b := newBoard(st, "")
	const n = 3 * maxGone
	key := func(i int) string { return fmt.Sprintf("job:%d", i) }
	for i := range n {
		b.apply(store.Event{Kind: store.EventPut, Record: store.Record{Key: key(i), Value: []byte("1"), Token: 1, Left: time.Minute}})
	}
	b.apply(store.Event{Kind: store.EventSynced})
	b.batch()
	next := b.snapshot().next
	for i := range n {
		b.apply(store.Event{Kind: store.EventGone, Record: store.Record{Key: key(i), Token: 1}, Cause: store.CauseDeleted})
	}
	b.dropGone() // between two batches
	b.batch()
	told := 0
	for {
		frames, _, ok := b.after(next)
		if !ok {
			t.Fatal("the client is behind")
		}
		if len(frames) == 0 {
			break
		}
		next += uint64(len(frames))
		for _, f := range frames {
			if bytes.HasPrefix(f, []byte("event: change\n")) {
				told += bytes.Count(f, []byte(`"gone":{`))
			}
		}
	}
	if told != n {
		t.Errorf("%d of %d ends were told", told, n)
	}
	b.dropGone()
	if rows := len(b.snapshot().rows); rows != maxGone {
		t.Errorf("%d rows of instances that went stay, want %d", rows, maxGone)
	}
}
