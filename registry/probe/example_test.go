package probe_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/leasehold-go/leasehold/registry"
	"github.com/leasehold-go/leasehold/registry/probe"
)

// A service serves its probes from its start on: it is live, and ready once it holds its key in a state
// that the user names.
func Example() {
	health := &registry.Health[string]{ReadyIn: []string{"active"}}
	mux := http.NewServeMux()
	mux.Handle("/livez", probe.Live(health))
	mux.Handle("/readyz", probe.Ready(health))
	mux.Handle("/statusz", probe.Status(health))
	_ = registry.Config[string, struct{}]{Key: "exchange:1", Health: health} // of the instance

	for _, path := range []string{"/livez", "/readyz"} {
		answer := httptest.NewRecorder()
		mux.ServeHTTP(answer, httptest.NewRequest("GET", path, nil))
		fmt.Println(path, answer.Code)
	}
	// Output:
	// /livez 200
	// /readyz 503
}
