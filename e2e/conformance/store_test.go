package conformance_test

import (
	"os"
	"strconv"
	"testing"

	"github.com/leasehold-go/leasehold/e2e/backends"
	"github.com/leasehold-go/leasehold/internal/full"
	"github.com/leasehold-go/leasehold/store/storetest"
)

// programmesVariable has the number of random programmes in the environment; storetest
// says what zero means.
const programmesVariable = "LEASEHOLD_PROGRAMMES"

func TestStore(t *testing.T) {
	full.Only(t)
	var programmes int
	if text := os.Getenv(programmesVariable); text != "" {
		var err error
		if programmes, err = strconv.Atoi(text); err != nil {
			t.Fatalf("%s: %v", programmesVariable, err)
		}
	}
	backends.Each(t, func(t *testing.T, g *backends.Group) {
		storetest.Run(t, storetest.Harness{TTL: g.TTL, Parallel: 4, Programmes: programmes, Open: func(t *testing.T) storetest.Fixture {
			return g.Place(t).Fixture()
		}})
	})
}
