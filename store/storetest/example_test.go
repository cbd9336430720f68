package storetest_test

import (
	"testing"

	memstore "github.com/leasehold-go/leasehold/store/memory"
	"github.com/leasehold-go/leasehold/store/storetest"
)

// A backend's test of all laws of the contract. A store whose time is that of its process runs in
// virtual time; one on a server sets the TTL that its tests wait for.
func ExampleRun() {
	_ = func(t *testing.T) { // func TestConformance(t *testing.T)
		storetest.Run(t, storetest.Harness{Virtual: true, Open: func(t *testing.T) storetest.Fixture {
			st := memstore.New()
			t.Cleanup(func() { st.Close() })
			return storetest.Fixture{Store: st}
		}})
	}
}
