package connector

import (
	"testing"

	"github.com/leasehold-go/leasehold/examples/internal/servers"
	"github.com/leasehold-go/leasehold/internal/built"
)

func TestMain(m *testing.M) { built.Main(m) }

var example = Command(servers.Stores)

func binary(t *testing.T) string {
	t.Helper()
	return built.Racing(t, "examples/exchange/servers")
}
