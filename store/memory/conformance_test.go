package memstore_test

import (
	"testing"

	memstore "github.com/leasehold-go/leasehold/store/memory"
	"github.com/leasehold-go/leasehold/store/storetest"
)

func TestConformance(t *testing.T) {
	programmes := 4000
	if testing.Short() {
		programmes = 400
	}
	storetest.Run(t, storetest.Harness{
		Virtual:    true,
		Programmes: programmes,
		Open: func(t *testing.T) storetest.Fixture {
			st := memstore.New()
			t.Cleanup(func() { st.Close() })
			return storetest.Fixture{Store: st}
		},
	})
}
