package publicip_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/leasehold-go/leasehold/registry/publicip"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// serve returns the address of a service that answers with status and body.
func serve(t *testing.T, status int, body string) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
	}))
	t.Cleanup(func() {
		http.DefaultClient.CloseIdleConnections()
		s.Close()
	})
	return s.URL
}

func TestReportedByParsesThePlainTextAnswer(t *testing.T) {
	for name, c := range map[string]struct {
		status int
		body   string
		want   string // no error, if given
	}{
		"IPv4":            {200, "203.0.113.9", "203.0.113.9"},
		"IPv6":            {200, "2001:db8::1", "2001:db8::1"},
		"with a newline":  {200, "203.0.113.9\r\n", "203.0.113.9"},
		"bad status":      {503, "203.0.113.9", ""},
		"redirect loop":   {302, "203.0.113.9", ""},
		"empty":           {200, "", ""},
		"garbage":         {200, "<html>", ""},
		"with a port":     {200, "203.0.113.9:80", ""},
		"long":            {200, strings.Repeat("203.0.113.9 ", 1<<20), ""},
		"long and hollow": {200, strings.Repeat(" ", 1<<20) + "203.0.113.9", ""},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := publicip.ReportedBy(serve(t, c.status, c.body))(t.Context())
			if want, _ := netip.ParseAddr(c.want); got != want || (err == nil) != want.IsValid() {
				t.Errorf("got %v, %v, want %v", got, err, want)
			}
		})
	}
}

func TestReportedByFailsForABadURL(t *testing.T) {
	if ip, err := publicip.ReportedBy("::")(t.Context()); err == nil {
		t.Errorf("got %v", ip)
	}
}

func TestReportedByEndsWithTheContext(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }))
	defer s.Close()
	defer http.DefaultClient.CloseIdleConnections()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if ip, err := publicip.ReportedBy(s.URL)(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v, %v", ip, err)
	}
}
