package lease

import (
	"testing"
	"testing/synctest"

	memstore "github.com/leasehold-go/leasehold/store/memory"
)

// Else a program that acquires and releases all the time would pile up terms
// until the next heartbeat.
func TestReleasedTermIsForgottenAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k, err := NewKeeper(memstore.New(), Config{})
		if err != nil {
			t.Fatal(err)
		}
		defer k.Close(t.Context())
		held, err := k.Acquire(t.Context(), "k", []byte("v"))
		if err != nil {
			t.Fatal(err)
		}
		_ = held.Release(t.Context())
		if left := k.schedule.close(); len(left) != 0 {
			t.Errorf("%d leases left", len(left))
		}
	})
}
