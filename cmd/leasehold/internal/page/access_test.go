package page_test

import (
	"crypto/tls"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/leasehold-go/leasehold/cmd/leasehold/internal/page"
	memstore "github.com/leasehold-go/leasehold/store/memory"
)

const secret = "0123456789abcdef-secret"

func TestAStartThatIsNotSafeIsRefused(t *testing.T) {
	mutual := &tls.Config{ClientAuth: tls.RequireAndVerifyClientCert}
	for name, c := range map[string]struct {
		cfg  page.Config
		want string // in the error; none if empty
	}{
		"loopback":                   {page.Config{Listen: "127.0.0.1:8080"}, ""},
		"loopback of IPv6":           {page.Config{Listen: "[::1]:8080"}, ""},
		"loopback by name":           {page.Config{Listen: "localhost:8080"}, ""},
		"all addresses":              {page.Config{Listen: ":8080"}, "--token-file"},
		"all addresses, in words":    {page.Config{Listen: "0.0.0.0:8080"}, "0.0.0.0:8080 is reachable from other machines"},
		"all addresses of IPv6":      {page.Config{Listen: "[::]:8080"}, "--client-ca"},
		"another address":            {page.Config{Listen: "10.1.2.3:8080"}, "listen on 127.0.0.1"},
		"a name":                     {page.Config{Listen: "status.example.com:8080"}, "reachable"},
		"HTTPS without certificates": {page.Config{Listen: ":8080", TLS: &tls.Config{}}, "--client-ca"},
		"optional certificates":      {page.Config{Listen: ":8080", TLS: &tls.Config{ClientAuth: tls.VerifyClientCertIfGiven}}, "--client-ca"},
		"a token":                    {page.Config{Listen: ":8080", Token: secret}, ""},
		"mutual TLS":                 {page.Config{Listen: ":8080", TLS: mutual}, ""},
		"a short token":              {page.Config{Listen: ":8080", Token: "short"}, "at least 16 characters"},
		"a token with a space":       {page.Config{Listen: ":8080", Token: "0123456789abcdef 0123456789"}, "without spaces"},
		"a short token on loopback":  {page.Config{Listen: "127.0.0.1:0", Token: "short"}, "at least 16 characters"},
		"no port":                    {page.Config{Listen: "127.0.0.1"}, "host:port"},
		"a proxy's host":             {page.Config{Listen: "127.0.0.1:0", Hosts: []string{"status.example.com"}}, "as status.example.com: add --token-file"},
		"a proxy's host, a token":    {page.Config{Listen: "127.0.0.1:0", Hosts: []string{"status.example.com"}, Token: secret}, ""},
		"a host that is a URL":       {page.Config{Listen: "127.0.0.1:0", Hosts: []string{"https://status.example.com"}, Token: secret}, "without scheme"},
		"a host of loopback":         {page.Config{Listen: "127.0.0.1:0", Hosts: []string{"::1", "LOCALHOST"}}, ""},
		"base path":                  {page.Config{Listen: "127.0.0.1:0", BasePath: "/a/b-c/"}, ""},
		"base path without a slash":  {page.Config{Listen: "127.0.0.1:0", BasePath: "a"}, "begin with a slash"},
		"base path with two slashes": {page.Config{Listen: "127.0.0.1:0", BasePath: "//evil.example"}, "letters, digits"},
		"base path with dots":        {page.Config{Listen: "127.0.0.1:0", BasePath: "/a/../b"}, "letters, digits"},
		"base path with a header":    {page.Config{Listen: "127.0.0.1:0", BasePath: "/a\r\nX: y"}, "letters, digits"},
		"base path of the page's":    {page.Config{Listen: "127.0.0.1:0", BasePath: "/api/x"}, "must not begin"},
		"a prefix that is no text":   {page.Config{Listen: "127.0.0.1:0", Prefix: "a\xff"}, "UTF-8"},
	} {
		t.Run(name, func(t *testing.T) {
			c.cfg.Store = memstore.New()
			_, err := page.New(c.cfg)
			if wrong := new(page.ConfigError); err != nil && !errors.As(err, &wrong) {
				t.Errorf("%T", err)
			}
			if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("error %v, want %q", err, c.want)
			}
		})
	}
}

// A browser whose user was lured to an attacker's name, which resolves to 127.0.0.1, sends that name.
func TestAnotherHostGetsNothing(t *testing.T) {
	w := inMemory(t)
	w.instance("job:1")
	s := serve(t, w.store, nil)
	proxied := serve(t, w.store, func(c *page.Config) { c.Hosts, c.Token = []string{"status.example.com"}, secret })
	beyond := serve(t, w.store, func(c *page.Config) { c.Listen, c.Token = "0.0.0.0:0", secret })
	_, port, _ := strings.Cut(strings.Trim(s.url, "htp:/"), ":")
	for _, c := range []struct {
		s    *served
		host string
		is   bool
	}{
		{s, "127.0.0.1:" + port, true},
		{s, "localhost", true},
		{s, "LocalHost:9", true}, // a tunnel
		{s, "localhost.:80", true},
		{s, "[::1]:80", true},
		{s, "127.1.2.3", true},
		{s, "evil.example", false},
		{s, "evil.example:80", false},
		{s, "localhost.evil.example", false},
		{s, "127.0.0.1.evil.example", false},
		{s, "10.0.0.1", false},
		{s, "0.0.0.0", false},
		{s, "127.0.0.1@evil.example", false},
		{s, "evil.example:127.0.0.1", false},
		{s, "status.example.com", false},
		{proxied, "status.example.com", true},
		{proxied, "Status.Example.Com.:443", true},
		{proxied, "x.status.example.com", false},
		{beyond, "10.0.0.1", true},
		{beyond, "[fe80::1]:80", true},
		{beyond, "evil.example", false},
		{beyond, "10.0.0.1.evil.example", false},
	} {
		for _, path := range []string{"", "api/instance?key=job:1", "api/events"} {
			r := c.s.request("GET", path, "", "Authorization: Bearer "+secret)
			r.Host = c.host
			answer, err := c.s.client.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			_ = answer.Body.Close()
			want := http.StatusOK
			if !c.is {
				want = http.StatusMisdirectedRequest
			}
			if answer.StatusCode != want {
				t.Errorf("Host %q, /%s: %d, want %d", c.host, path, answer.StatusCode, want)
			}
		}
	}
	if !strings.Contains(s.log.String(), "evil.example") {
		t.Errorf("no word of the refusals in the log:\n%s", s.log)
	}
}

func TestTheTokenIsAskedFor(t *testing.T) {
	w := inMemory(t)
	w.instance("job:1")
	s := serve(t, w.store, func(c *page.Config) { c.Token, c.BasePath = secret, "/status" })
	reads := func(headers ...string) int {
		status, _ := s.call("GET", "api/instance?key=job:1", "", headers...)
		return status
	}
	for _, path := range []string{"", "index.html"} { // nothing of the store is in it
		if status, _ := s.call("GET", path, ""); status != http.StatusOK && status != http.StatusMovedPermanently {
			t.Errorf("the page itself at %q: %d", path, status)
		}
	}

	// A visit with the token brings a cookie, and goes on without it.
	status, header, _ := s.do(s.request("GET", "?q=active&token="+secret, ""))
	if status != http.StatusSeeOther || header.Get("Location") != "./?q=active" {
		t.Errorf("the visit: %d to %q", status, header.Get("Location"))
	}
	cookies, err := http.ParseSetCookie(header.Get("Set-Cookie"))
	if err != nil {
		t.Fatal(err)
	}
	if !cookies.HttpOnly || cookies.SameSite != http.SameSiteStrictMode || cookies.Path != "/status/" || strings.Contains(cookies.Value, secret) {
		t.Errorf("cookie %v", cookies)
	}
	cookie := "Cookie: " + cookies.Name + "=" + cookies.Value

	for _, c := range []struct {
		header string
		want   int
	}{
		{"X-None: 1", http.StatusUnauthorized},
		{cookie, http.StatusOK},
		{"Authorization: Bearer " + secret, http.StatusOK},
		{"Authorization: bearer " + secret, http.StatusOK},
		{cookie + "0", http.StatusUnauthorized},
		{cookie[:len(cookie)-1], http.StatusUnauthorized},
		{"Cookie: " + cookies.Name + "=" + secret, http.StatusUnauthorized},
		{"Cookie: " + cookies.Name + "=", http.StatusUnauthorized},
		{"Cookie: other=" + cookies.Value, http.StatusUnauthorized},
		{"Authorization: Bearer " + secret + "x", http.StatusUnauthorized},
		{"Authorization: Bearer", http.StatusUnauthorized},
		{"Authorization: Basic " + secret, http.StatusUnauthorized},
	} {
		if got := reads(c.header); got != c.want {
			t.Errorf("%s: %d, want %d", c.header, got, c.want)
		}
		r := s.request("GET", "api/events", "", c.header)
		answer, err := s.client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		if _ = answer.Body.Close(); answer.StatusCode != c.want {
			t.Errorf("events with %s: %d, want %d", c.header, answer.StatusCode, c.want)
		}
	}
	status, header, text := s.do(s.request("GET", "?token=wrong", ""))
	if status != http.StatusUnauthorized || header.Get("Set-Cookie") != "" || !strings.Contains(text, `"do":`) {
		t.Errorf("a wrong token: %d %s", status, text)
	}
	if log := s.log.String(); strings.Contains(log, secret) || strings.Contains(log, cookies.Value) || !strings.Contains(log, "why=token") {
		t.Errorf("the log:\n%s", log)
	}

	// Another page of the same host has a cookie of its own, and the same page after a restart has the same.
	other := serve(t, w.store, func(c *page.Config) { c.Token = "another-secret-0123456789" })
	if status, _ := other.call("GET", "api/instance?key=job:1", "", cookie); status != http.StatusUnauthorized {
		t.Errorf("the cookie of another page: %d", status)
	}
	again := serve(t, w.store, func(c *page.Config) { c.Token = secret })
	if status, _ := again.call("GET", "api/instance?key=job:1", "", cookie); status != http.StatusOK {
		t.Errorf("the cookie after a restart: %d", status)
	}
}

// A client that is refused again and again does not fill the log.
func TestRefusalsDoNotFillTheLog(t *testing.T) {
	inVirtualTime(t, nil, func(_ *world, s *served) {
		for range 1000 {
			s.call("GET", strings.Repeat("x", 5000), "", "Host: evil.example")
		}
		time.Sleep(2 * time.Second)
		s.call("GET", "last", "", "Host: evil.example")
		log := s.log.String()
		if n := strings.Count(log, "msg=refused"); n != 11 || len(log) > 10_000 {
			t.Errorf("%d refusals in %d bytes of log", n, len(log))
		}
		if !strings.Contains(log, "path=/last not_logged_before=990") {
			t.Errorf("the log:\n%s", log)
		}
	})
}

func TestEveryAnswerIsGuardedAgainstOtherSites(t *testing.T) {
	w := inMemory(t)
	s := serve(t, w.store, nil)
	for _, path := range []string{"", "none", "api/none", "api/instance?key=none", "api/log?key=none"} {
		_, h, _ := s.do(s.request("GET", path, ""))
		csp := h.Get("Content-Security-Policy")
		for _, want := range []string{"default-src 'none'", "script-src 'self'", "frame-ancestors 'none'", "base-uri 'none'", "form-action 'none'"} {
			if !strings.Contains(csp, want) {
				t.Errorf("/%s: policy %q without %s", path, csp, want)
			}
		}
		if strings.Contains(csp, "unsafe") || h.Get("X-Content-Type-Options") != "nosniff" || h.Get("Referrer-Policy") != "no-referrer" || h.Get("Access-Control-Allow-Origin") != "" {
			t.Errorf("/%s: %v", path, h)
		}
		if strings.HasPrefix(path, "api") && h.Get("Cache-Control") != "no-store" {
			t.Errorf("/%s may be stored: %v", path, h)
		}
	}
	for site, want := range map[string]int{"same-origin": http.StatusNotFound, "none": http.StatusNotFound, "same-site": http.StatusForbidden, "cross-site": http.StatusForbidden} {
		if status, _ := s.call("GET", "api/log?key=", "", "Sec-Fetch-Site: "+site); (status == http.StatusForbidden) != (want == http.StatusForbidden) {
			t.Errorf("a call from %s: %d", site, status)
		}
	}
	if status, _ := s.call("GET", "", "", "Sec-Fetch-Site: cross-site"); status != http.StatusOK {
		t.Errorf("a link from elsewhere to the page: %d", status)
	}
}
