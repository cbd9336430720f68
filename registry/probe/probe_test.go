package probe_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/leasehold-go/leasehold/fsm"
	"github.com/leasehold-go/leasehold/lease"
	"github.com/leasehold-go/leasehold/registry"
	"github.com/leasehold-go/leasehold/registry/probe"
	memstore "github.com/leasehold-go/leasehold/store/memory"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestProbes(t *testing.T) {
	k, err := lease.NewKeeper(memstore.New(), lease.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer k.Close(t.Context())
	def, err := fsm.Define("idle", fsm.Table[string]{"idle": {"active"}, "active": {"idle"}})
	if err != nil {
		t.Fatal(err)
	}
	h := &registry.Health[string]{ReadyIn: []string{"active"}}
	mux := http.NewServeMux()
	mux.Handle("/livez", probe.Live(h))
	mux.Handle("/readyz", probe.Ready(h))
	mux.Handle("/statusz", probe.Status(h))
	server := httptest.NewServer(mux)
	defer server.Close()
	want := func(method, path string, code int, part string) {
		t.Helper()
		request, err := http.NewRequestWithContext(t.Context(), method, server.URL+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		answer, err := server.Client().Do(request)
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		body, err := io.ReadAll(answer.Body)
		if err != nil || answer.StatusCode != code || !strings.Contains(string(body), part) {
			t.Errorf("%s %s: %d %s, %v; want %d %s", method, path, answer.StatusCode, body, err, code, part)
		}
	}
	want("GET", "/livez", 200, "ok\n")
	want("GET", "/readyz", 503, "the service is down")
	want("GET", "/statusz", 200, `{"phase":"down","live":true,"ready":false,"not_ready":"the service is down"}`)
	i, err := registry.Register(t.Context(), k, def, registry.Config[string, struct{}]{Key: "job", Health: h})
	if err != nil {
		t.Fatal(err)
	}
	want("GET", "/readyz", 503, "the service is in state idle")
	if err := i.Transition(t.Context(), "active"); err != nil {
		t.Fatal(err)
	}
	want("GET", "/readyz", 200, "ok\n")
	want("HEAD", "/readyz", 200, "")
	want("POST", "/readyz", 405, "use GET")
	want("GET", "/statusz", 200, `"key":"job","phase":"held","state":"active","token":`)
	h.Report(errors.New("queue stuck"))
	want("GET", "/livez", 503, "queue stuck")
	want("GET", "/readyz", 503, "queue stuck")
	want("GET", "/statusz", 200, `"live":false,"live_error":"queue stuck","ready":false,"not_ready":"queue stuck"`)
	h.Report(nil)
	if err := i.Leave(t.Context()); err != nil {
		t.Fatal(err)
	}
	want("GET", "/livez", 200, "ok\n")
	want("GET", "/readyz", 503, "the service is down")
}
