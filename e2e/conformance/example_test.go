package conformance_test

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/leasehold-go/leasehold/e2e/backends"
	"github.com/leasehold-go/leasehold/internal/built"
	"github.com/leasehold-go/leasehold/internal/full"
)

// The example's own tests of processes, each backend given to them as -store takes
// it.
func TestExample(t *testing.T) {
	full.Only(t)
	const name = "examples/exchange/connector"
	dir, err := exec.Command("go", "list", "-f", "{{.Dir}}", "github.com/leasehold-go/leasehold/"+name).Output()
	if err != nil {
		t.Fatal(err)
	}
	tests := built.Tests(t, name)
	built.Racing(t, "examples/exchange/servers") // once: the tests of each backend find it in the cache
	backends.Each(t, func(t *testing.T, g *backends.Group) {
		url := g.Place(t).URL
		if url == "" {
			t.Log("without the example: no URL says which store and client these are")
			return
		}
		cmd := exec.Command(tests, "-test.v", "-test.run=^TestProcesses$")
		cmd.Dir = strings.TrimSpace(string(dir))
		cmd.Env = append(os.Environ(), "EXCHANGE_STORE="+url)
		output, err := cmd.CombinedOutput()
		if err != nil || !strings.Contains(string(output), "--- PASS: TestProcesses/ReclaimByNameTakesTheKeyOfTheLiving") {
			t.Errorf("%s: %v\n%s", url, err, output)
		}
	})
}
