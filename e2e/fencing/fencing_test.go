package fencing_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/leasehold-go/leasehold/lease"
	"github.com/leasehold-go/leasehold/store"
	memstore "github.com/leasehold-go/leasehold/store/memory"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is how long a test waits for what has to come. Nothing is ever expected
// to take that long.
const patience = 60 * time.Second

// resource is written by the holders of a key, after which a part of it is named.
type resource interface {
	write(ctx context.Context, l lease.Lease, body string) error
	unfenced(ctx context.Context, l lease.Lease, body string) error // write without the fence
	// last returns the write that took effect last.
	last(ctx context.Context, key string) (token store.Token, body string, err error)
}

// fleet has one holder of a key after another, each of which may go on writing.
type fleet struct {
	t      *testing.T
	key    string
	st     *memstore.Store
	keeper *lease.Keeper
	last   lease.Lease
}

func newFleet(t *testing.T, key string) *fleet {
	st := memstore.New()
	keeper, err := lease.NewKeeper(st, lease.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { keeper.Close(context.Background()); st.Close() })
	return &fleet{t: t, key: key, st: st, keeper: keeper}
}

// next ends the lease of the last holder, as another process does, and returns that of the next.
func (f *fleet) next() lease.Lease {
	f.t.Helper()
	if f.last != nil {
		if err := f.st.Delete(f.t.Context(), f.key, store.ByToken(f.last.Token())); err != nil {
			f.t.Fatal(err)
		}
	}
	l, err := f.keeper.Acquire(f.t.Context(), f.key, []byte("value"))
	if err != nil {
		f.t.Fatal(err)
	}
	f.last = l
	return l
}

func conform(t *testing.T, r resource) {
	wantLast := func(t *testing.T, when, key string, token store.Token, body string) {
		t.Helper()
		if gotToken, got, err := r.last(t.Context(), key); err != nil || gotToken != token || got != body {
			t.Errorf("%s: the last write is %q of %d (%v), want %q of %d", when, got, gotToken, err, body, token)
		}
	}
	t.Run("a holder that was paused is refused", func(t *testing.T) {
		f := newFleet(t, "paused")
		first := f.next()
		if err := r.write(t.Context(), first, "first"); err != nil {
			t.Fatal(err)
		}
		if !first.Valid() { // the holder looks, and is then paused before it acts
			t.Fatal(first.Err())
		}
		second := f.next()
		if err := r.write(t.Context(), second, "second"); err != nil {
			t.Fatal(err)
		}
		if err := r.write(t.Context(), first, "late"); !errors.Is(err, errStale) {
			t.Errorf("the late write: %v", err)
		}
		wantLast(t, "with the fence", f.key, second.Token(), "second")
		if err := r.write(t.Context(), second, "third"); err != nil {
			t.Error(err)
		}
		wantLast(t, "afterwards", f.key, second.Token(), "third")

		if err := r.unfenced(t.Context(), first, "harm"); err != nil {
			t.Fatal(err)
		}
		wantLast(t, "without the fence", f.key, first.Token(), "harm")
	})

	// Until a later holder has written, an earlier one is not refused: the resource cannot know.
	t.Run("the first write of a holder ends those before", func(t *testing.T) {
		f := newFleet(t, "first write")
		first := f.next()
		second := f.next()
		if err := r.write(t.Context(), first, "late"); err != nil {
			t.Error(err)
		}
		if err := r.write(t.Context(), second, "begin"); err != nil {
			t.Error(err)
		}
		if err := r.write(t.Context(), first, "later"); !errors.Is(err, errStale) {
			t.Errorf("after the second has begun: %v", err)
		}
		wantLast(t, "in the end", f.key, second.Token(), "begin")
	})

	t.Run("no write follows one of a later holder", func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		f := newFleet(t, "concurrent")
		var all sync.WaitGroup
		defer all.Wait()
		const holders = 5
		observed, done := store.Token(0), make(chan struct{})
		for n := range holders {
			l := f.next()
			began := make(chan struct{})
			all.Go(func() {
				for i := 0; ; i++ {
					err := r.write(ctx, l, fmt.Sprint(i))
					if i == 0 {
						close(began)
					}
					switch {
					case errors.Is(err, errStale) && n < holders-1:
						return
					case err != nil:
						t.Errorf("holder %d: write %d: %v", n, i, err)
						return
					case n == holders-1 && i == 20:
						close(done)
						return
					}
				}
			})
			<-began
			token, _, err := r.last(ctx, f.key)
			if err != nil || token < observed {
				t.Errorf("a write of %d after one of %d (%v)", token, observed, err)
			}
			observed = token
		}
		for ended := false; !ended; {
			select {
			case <-done:
				ended = true
			case <-ctx.Done():
				t.Fatal("the last holder does not come to its end")
			default:
			}
			token, _, err := r.last(ctx, f.key)
			if err != nil || token < observed {
				t.Fatalf("a write of %d after one of %d (%v)", token, observed, err)
			}
			observed = token
		}
		all.Wait()
		wantLast(t, "in the end", f.key, f.last.Token(), "20")
	})
}
