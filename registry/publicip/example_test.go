package publicip_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/leasehold-go/leasehold/registry"
	"github.com/leasehold-go/leasehold/registry/publicip"
)

// A service that answers with the address of its client, here one in this process.
func ExampleReportedBy() {
	reporter := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintln(w, "203.0.113.7")
	}))
	defer reporter.Close()
	cfg := registry.Config[string, struct{}]{Key: "exchange:1", PublicIP: publicip.ReportedBy(reporter.URL)}

	fmt.Println(cfg.PublicIP(context.Background())) // the instance calls it beside its registration
	http.DefaultClient.CloseIdleConnections()
	// Output: 203.0.113.7 <nil>
}
