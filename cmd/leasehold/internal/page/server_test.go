package page_test

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/leasehold-go/leasehold/cmd/leasehold/internal/page"
)

// The page is the same behind a proxy that strips the base path, and behind one that does not.
func TestTheBasePathHoldsBehindAProxy(t *testing.T) {
	w := inMemory(t)
	w.instance("job:1")
	s := serve(t, w.store, func(c *page.Config) { c.BasePath, c.Token = "/ops/page/", secret })
	if !strings.HasSuffix(s.url, "/ops/page/") {
		t.Fatalf("its address is %s", s.url)
	}
	root := strings.TrimSuffix(s.url, "ops/page/")
	for name, strips := range map[string]bool{"strips": true, "does not strip": false} {
		t.Run(name, func(t *testing.T) {
			to, err := url.Parse(root)
			if err != nil {
				t.Fatal(err)
			}
			proxy := &http.Server{Handler: &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
				r.SetURL(to)
				if strips {
					r.Out.URL.Path = "/" + strings.TrimPrefix(strings.TrimPrefix(r.In.URL.Path, "/ops/page"), "/")
				}
			}, FlushInterval: -1}}
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			done := make(chan struct{})
			go func() { defer close(done); _ = proxy.Serve(l) }()
			t.Cleanup(func() { _ = proxy.Close(); <-done })
			behind := *s
			behind.t, behind.url = t, fmt.Sprintf("http://%s/ops/page/", l.Addr())

			status, header, text := behind.do(behind.request("GET", "", ""))
			if status != http.StatusOK || !strings.HasPrefix(header.Get("Content-Type"), "text/html") || !strings.Contains(text, "<html") {
				t.Errorf("the page: %d %s", status, text)
			}
			status, header, _ = behind.do(behind.request("GET", "?token="+secret, ""))
			cookie, err := http.ParseSetCookie(header.Get("Set-Cookie"))
			if status != http.StatusSeeOther || err != nil || cookie.Path != "/ops/page/" || header.Get("Location") != "./" {
				t.Fatalf("the visit: %d %v", status, header)
			}
			c := behind.open("Cookie: " + cookie.Name + "=" + cookie.Value)
			defer c.stop()
			c.awaitState("job:1", "idle")
			v := get[instance](&behind, "GET", "api/instance?key=job:1", "", "Cookie: "+cookie.Name+"="+cookie.Value)
			if v.Row.State != "idle" {
				t.Errorf("%+v", v)
			}
			if status, _ := behind.call("GET", "none.html", ""); status != http.StatusNotFound {
				t.Errorf("a file that is not there: %d", status)
			}
			for _, odd := range []string{"/", "/api/log", "api", "api/", "api//log", "api/./log", "api/../api/log", "api/log/", "..", "assets", "assets/..", "index.html", "%2Fapi%2Flog", "api%2Flog", "//evil.example"} {
				r := behind.request("GET", odd, "", "Cookie: "+cookie.Name+"="+cookie.Value)
				status, header, _ := behind.do(r)
				if to, err := r.URL.Parse(header.Get("Location")); err != nil || status < 400 && !strings.HasPrefix(to.String(), behind.url) {
					t.Errorf("%s: %d to %q", odd, status, header.Get("Location"))
				}
			}
		})
	}
	direct := *s
	direct.url = root
	if status, header, _ := direct.do(direct.request("GET", "ops/page?q=a", "")); status != http.StatusPermanentRedirect || header.Get("Location") != "/ops/page/?q=a" {
		t.Errorf("without a slash: %d %v", status, header)
	}
}

// The address that the command prints can be opened on its machine.
func TestTheAddressOfThePageCanBeOpened(t *testing.T) {
	w := inMemory(t)
	for _, listen := range []string{"127.0.0.1:0", "localhost:0", ":0", "0.0.0.0:0", "[::]:0", "[::1]:0"} {
		s := serve(t, w.store, func(c *page.Config) { c.Listen, c.Token, c.BasePath = listen, secret, "/ops" })
		if status, _ := s.call("GET", "", ""); status != http.StatusOK || strings.Contains(s.url, "[::]") || strings.Contains(s.url, "0.0.0.0") {
			t.Errorf("%s is at %s, which answers %d", listen, s.url, status)
		}
	}
}

// A stream without a body would be open until its client is gone.
func TestAStreamIsNotOpenedByHead(t *testing.T) {
	s := serve(t, inMemory(t).store, nil)
	s.client.Transport.(*http.Transport).MaxConnsPerHost = 1 // it is free again only after an answer
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for _, method := range []string{"HEAD", "HEAD", "OPTIONS", "TRACE", "PUT"} {
		status, header, _ := s.do(s.request(method, "api/events", "").WithContext(ctx))
		if want := http.StatusNotFound; method != "HEAD" && status != want || method == "HEAD" && (status != http.StatusOK || header.Get("Content-Type") != "text/event-stream") {
			t.Errorf("%s: %d %v", method, status, header)
		}
	}
}

func TestStreamsOfOneAddressAreLimited(t *testing.T) {
	w := inMemory(t)
	s := serve(t, w.store, nil)
	s.client.Transport.(*http.Transport).DisableKeepAlives = true
	var all []*client
	for range page.MaxStreamsOfOne {
		all = append(all, s.open())
	}
	p := s.refuses(http.StatusTooManyRequests, "GET", "api/events", "")
	if !strings.Contains(p.Error, fmt.Sprint(page.MaxStreamsOfOne)) {
		t.Errorf("%+v", p)
	}
	if status, _ := s.call("GET", "api/log?key=a", ""); status != http.StatusOK {
		t.Errorf("another call meanwhile: %d", status)
	}
	all[0].stop()
	for limit := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		r := s.request("GET", "api/events", "")
		answer, err := s.client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		if _ = answer.Body.Close(); answer.StatusCode == http.StatusOK {
			break
		}
		if time.Now().After(limit) {
			t.Fatal("the place of a client that left is not free")
		}
	}
}

func TestConnectionsOfOneAddressAreLimited(t *testing.T) {
	w := inMemory(t)
	s := serve(t, w.store, nil)
	address := strings.Trim(s.url, "htp:/")
	var all []net.Conn
	defer func() {
		for _, c := range all {
			_ = c.Close()
		}
	}()
	refused := 0
	for range page.MaxConnectionsOfOne + 20 {
		c, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, c)
	}
	for _, c := range all[page.MaxConnectionsOfOne-20:] {
		_ = c.SetReadDeadline(time.Now().Add(patience))
		if _, err := io.WriteString(c, "GET /none HTTP/1.1\r\nHost: localhost\r\n\r\n"); err != nil {
			refused++
			continue
		}
		if answer, err := http.ReadResponse(bufio.NewReader(c), nil); err != nil {
			refused++
		} else {
			_ = answer.Body.Close()
		}
	}
	if refused != 20 {
		t.Errorf("%d connections were refused, want 20", refused)
	}
}

// certificate makes a certificate and its key, signed by an authority or by itself.
func certificate(t *testing.T, name string, by *tls.Certificate) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: by == nil, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	parent, signer := template, any(key)
	if by != nil {
		parent, signer = by.Leaf, by.PrivateKey
	}
	text, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(text)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{text}, PrivateKey: key, Leaf: leaf}
}

func TestMutualTLSTellsWhoAsks(t *testing.T) {
	w := inMemory(t)
	i := w.instance("job:1")
	authority, stranger := certificate(t, "authority", nil), certificate(t, "stranger", nil)
	pool := x509.NewCertPool()
	pool.AddCert(authority.Leaf)
	s := serve(t, w.store, func(c *page.Config) {
		c.Listen, c.Requests = "0.0.0.0:0", true
		c.TLS = &tls.Config{Certificates: []tls.Certificate{certificate(t, "page", &authority)}, ClientCAs: pool, ClientAuth: tls.RequireAndVerifyClientCert}
	})
	_, port, err := net.SplitHostPort(strings.Trim(s.url, "htps:/"))
	if err != nil {
		t.Fatal(err)
	}
	s.url = "https://127.0.0.1:" + port + "/"
	with := func(own ...tls.Certificate) *served {
		other := *s
		other.client = &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, Certificates: own}, ForceAttemptHTTP2: true}}
		t.Cleanup(other.client.CloseIdleConnections)
		return &other
	}
	for name, c := range map[string]*served{"none": with(), "a stranger's": with(certificate(t, "mallory", &stranger))} {
		if answer, err := c.client.Do(c.request("GET", "", "")); err == nil {
			_ = answer.Body.Close()
			t.Errorf("with the certificate of %s: %s", name, answer.Status)
		}
	}
	alice := with(certificate(t, "alice", &authority))
	stream := alice.open()
	stream.awaitState("job:1", "idle")
	r := get[reply](alice, "POST", "api/request", `{"key":"job:1","state":"active"}`, "Sec-Fetch-Site: same-origin")
	if r.Outcome != "done" || i.State() != "active" {
		t.Errorf("%+v", r)
	}
	stream.awaitState("job:1", "active")
	if log := s.log.String(); !strings.Contains(log, `who="CN=alice at 127.0.0.1"`) {
		t.Errorf("the log:\n%s", log)
	}
	s.stop()
	stream.await("the end", func(c *client) bool { return c.ended && c.said })
}
