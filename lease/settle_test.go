package lease_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/leasehold-go/leasehold/internal/teststore"
	"github.com/leasehold-go/leasehold/lease"
	"github.com/leasehold-go/leasehold/store"
)

// A copy of a create that was repeated can come after the lease was lost, and would make a record
// that nobody holds.
func TestLossEndsEveryCopyOfARepeatedCreate(t *testing.T) {
	for name, lose := range map[string]func(*testing.T, *teststore.Store, lease.Lease){
		"deleted by another": func(t *testing.T, p *teststore.Store, held lease.Lease) {
			_ = p.Store.Delete(t.Context(), "k", refOf(held))
		},
		"expired": func(t *testing.T, p *teststore.Store, held lease.Lease) {
			p.Inject(teststore.Silence, teststore.Renew)
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := teststore.New()
				k := keep(t, p)
				p.Inject(teststore.Once(teststore.Drop), teststore.Create)
				held := acquire(t, k, "k")
				p.Inject(teststore.Once(teststore.Refuse), teststore.Delete)
				lose(t, p, held)
				<-held.Done()
				if err := k.Close(t.Context()); err != nil {
					t.Fatal(err)
				}
				deletes := p.Sent(teststore.Delete)
				for _, r := range deletes {
					if r.Nonce != p.Sent(teststore.Create)[0].Nonce {
						t.Errorf("deleted by %+v, want the nonce of the create", r)
					}
				}
				if len(deletes) != 2 {
					t.Errorf("%d deletes, want one that is refused and one more", len(deletes))
				}
			})
		})
	}
}

// batches is a store that deletes in batches, and counts them.
type batches struct {
	*teststore.Store
	mu    sync.Mutex
	sizes []int
}

func (b *batches) DeleteBatch(ctx context.Context, batch []store.Deletion) []error {
	b.mu.Lock()
	b.sizes = append(b.sizes, len(batch))
	b.mu.Unlock()
	return store.DeleteBatch(ctx, b.Store, batch)
}

// crowd has callers leave while their creates are in doubt.
func crowd(t *testing.T, k *lease.Keeper, callers int) {
	t.Helper()
	ctx, leave := context.WithCancel(t.Context())
	var calls sync.WaitGroup
	for i := range callers {
		calls.Go(func() {
			if _, err := k.Acquire(ctx, fmt.Sprint(i), []byte("v")); !errors.Is(err, store.ErrInDoubt) {
				t.Errorf("acquire: %v", err)
			}
		})
	}
	synctest.Wait()
	leave()
	calls.Wait()
}

func TestCreatesInDoubtAreSettledInBatches(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const callers = 5000
		b := &batches{Store: teststore.New()}
		k := keep(t, b)
		b.Inject(teststore.LoseReply, teststore.Create)
		b.Inject(teststore.Delay(time.Millisecond, 0), teststore.Delete)
		crowd(t, k, callers)
		if err := k.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		deletions := 0
		for _, n := range b.sizes {
			deletions += n
		}
		if deletions != callers || len(b.sizes) > 100 {
			t.Errorf("%d batches for %d deletions", len(b.sizes), deletions)
		}
		for r := range b.List(t.Context(), "") {
			t.Fatalf("left %+v", r)
		}
	})
}

// The pause after a failed try ends when Close begins.
func TestCloseSettlesAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := teststore.New()
		k := keep(t, p)
		p.Inject(teststore.LoseReply, teststore.Create)
		p.Inject(teststore.Refuse, teststore.Delete)
		crowd(t, k, 100)
		time.Sleep(2 * time.Second) // and the pauses are long
		synctest.Wait()
		p.Inject(nil, teststore.Delete)
		start := time.Now()
		if err := k.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(start); took > 0 {
			t.Errorf("took %v", took)
		}
	})
}

func TestCloseCountsTheCreatesThatItCouldNotSettle(t *testing.T) {
	for name, f := range map[string]teststore.Fault{"refused": teststore.Refuse, "silent": teststore.Silence} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := teststore.New()
				k := keep(t, p)
				p.Inject(teststore.LoseReply, teststore.Create)
				p.Inject(f, teststore.Delete)
				crowd(t, k, 100)
				err := k.Close(t.Context())
				failed := new(lease.CloseError)
				if !errors.As(err, &failed) || failed.Unsettled != 100 || failed.Callbacks != 0 || len(failed.Examples) == 0 {
					t.Fatal(err)
				}
				if again := k.Close(t.Context()); again != nil {
					t.Errorf("a second time: %v", again)
				}
			})
		})
	}
}
