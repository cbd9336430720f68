package main

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/leasehold-go/leasehold/examples/internal/fleet"
	"github.com/leasehold-go/leasehold/internal/built"
)

func TestMain(m *testing.M) { built.Main(m) }

// The service is live, then ready, serves, and ends in order when it is told to.
func TestService(t *testing.T) {
	f := fleet.New(t, built.Racing(t, "examples/http"), "-listen", "127.0.0.1:0", "-probes", "127.0.0.1:0", "-lag", "0s")
	p := f.Start()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	get := func(url string) (int, string) {
		t.Helper()
		response, err := client.Get(url)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		text, err := io.ReadAll(response.Body)
		if err != nil {
			t.Fatal(err)
		}
		return response.StatusCode, string(text)
	}
	probes := f.Expect(`^probes at (\S+)$`)[0]
	service := f.Expect(`^serving at (\S+)$`)[0]
	if code, text := get(probes + "/livez"); code != 200 {
		t.Errorf("livez: %d %s", code, text)
	}
	for code := 0; code != 200; code, _ = get(probes + "/readyz") { // it listens before it is active
	}
	if code, text := get(service); code != 200 || text != "token 1\n" {
		t.Errorf("the service: %d %s", code, text)
	}
	if _, text := get(probes + "/statusz"); !strings.Contains(text, `"state":"active","token":1,"live":true,"ready":true`) {
		t.Errorf("statusz: %s", text)
	}
	p.Stop()
}
