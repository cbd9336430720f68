package backends

import (
	"testing"

	"github.com/leasehold-go/leasehold/store"
	memstore "github.com/leasehold-go/leasehold/store/memory"
)

type inMemory struct{}

func startMemory(testing.TB) servers { return inMemory{} }

// place has one store: programs on it are parts of one process.
func (inMemory) place(t testing.TB) *Place {
	st := memstore.New()
	t.Cleanup(func() { st.Close() })
	return &Place{TB: t, open: func(testing.TB, *lines) (store.Store, error) { return st, nil }, lines: new(lines)}
}
