package differential_test

import (
	"flag"
	"testing"

	"github.com/leasehold-go/leasehold/internal/built"
)

// TestMain has fewer programmes run than is rapid's default: they spend their time
// waiting. The command line prevails.
func TestMain(m *testing.M) {
	if err := flag.Set("rapid.checks", "8"); err != nil {
		panic(err)
	}
	built.Main(m)
}
