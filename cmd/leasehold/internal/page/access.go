package page

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"crypto/tls"
	"encoding/hex"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"
)

// minToken is how many characters a secret has at least.
const minToken = 16

// hosts decides which Host a request may name.
type hosts struct {
	names  []string // in lower case, without port
	beyond bool     // any address will do: a page of another cannot have its name resolve to "10.0.0.1"
}

// checkAddress refuses an address that others can reach without a secret or certificates.
func checkAddress(cfg Config) (hosts, error) {
	name, _, err := net.SplitHostPort(cfg.Listen)
	if err != nil {
		return hosts{}, refuse("the address %q must be host:port, such as 127.0.0.1:8080", cfg.Listen)
	}
	h := hosts{names: []string{"localhost"}, beyond: !loopback(name)}
	if name != "" && h.beyond {
		h.names = append(h.names, bare(name))
	}
	private := cfg.Token != "" || cfg.TLS != nil && cfg.TLS.ClientAuth == tls.RequireAndVerifyClientCert
	if h.beyond && !private {
		return hosts{}, beyondLoopback(cfg.Listen)
	}
	for _, host := range cfg.Hosts {
		if host == "" || strings.ContainsAny(host, "/:@ ") && !netipValid(host) {
			return hosts{}, refuse("the host %q must be a name without scheme, port and path", host)
		}
		if !loopback(host) && !private {
			return hosts{}, refuse("the page would be open to all who reach it as %s: add --token-file with a secret, or --client-ca with --tls-cert and --tls-key", host)
		}
		h.names = append(h.names, bare(host))
	}
	return h, nil
}

func beyondLoopback(address string) error {
	return refuse("%s is reachable from other machines, and the page would be open to all of them: listen on 127.0.0.1, "+
		"or add --token-file FILE with a secret (openssl rand -hex 32 > FILE), or --client-ca with --tls-cert and --tls-key", address)
}

// open reports whether the server lets in every client that reaches it.
func (p *Page) open() bool {
	return p.secret == nil && (p.cfg.TLS == nil || p.cfg.TLS.ClientAuth != tls.RequireAndVerifyClientCert)
}

// loopback reports whether a host is this machine alone.
func loopback(host string) bool {
	address, err := netip.ParseAddr(bare(host))
	return err == nil && address.Unmap().IsLoopback() || bare(host) == "localhost"
}

func netipValid(host string) bool {
	_, err := netip.ParseAddr(bare(host))
	return err == nil
}

// bare is a host in lower case without brackets and a dot at its end.
func bare(host string) string {
	host = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	return strings.ToLower(strings.TrimSuffix(host, "."))
}

// allows reports whether a request may have this Host. If an attacker's name resolves to 127.0.0.1,
// a browser that was sent here by it has that name in Host.
func (h hosts) allows(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = bare(host)
	return slices.Contains(h.names, host) || loopback(host) || h.beyond && netipValid(host)
}

// policy is the Content-Security-Policy: nothing but the files of the page.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self'; worker-src 'self'; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'"

// secured sets the headers of every answer, and refuses requests for another host.
func (p *Page) secured(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Cache-Control", "no-store")
		if !p.hosts.allows(r.Host) {
			p.refused(r, "host")
			p.fail(w, &problem{http.StatusMisdirectedRequest, "this page has another address", "if the page should be reached by this name, start it with --host NAME"})
			return
		}
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		next.ServeHTTP(w, r)
	})
}

// guarded lets a client with the secret pass, if there is one, and no page of another site.
func (p *Page) guarded(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch site := r.Header.Get("Sec-Fetch-Site"); {
		case site != "" && site != "same-origin" && site != "none":
			p.refused(r, "another site")
			p.fail(w, &problem{http.StatusForbidden, "the call comes from another site", "use the page itself"})
		case p.secret != nil && !p.secret.known(r):
			p.refused(r, "token")
			p.fail(w, &problem{http.StatusUnauthorized, "the page needs its token", "open the address of the page once with ?token= and the secret behind it"})
		default:
			next.ServeHTTP(w, r)
		}
	})
}

// sameOrigin reports whether a browser says that a request was made by this page. It has to say so: a
// request without a word of it is refused.
func sameOrigin(r *http.Request) bool {
	if origin := r.Header.Get("Origin"); origin != "" {
		u, err := url.Parse(origin)
		return err == nil && (u.Scheme == "http" || u.Scheme == "https") && strings.EqualFold(u.Host, r.Host)
	}
	return r.Header.Get("Sec-Fetch-Site") == "same-origin"
}

const (
	refusalsLogged = 10  // in a second
	maxLogged      = 256 // bytes of a text of a client in the log
)

// refusals counts refusals, so that clients cannot fill the log with them.
type refusals struct {
	mu      sync.Mutex
	began   time.Time // of the second that is counted
	logged  int
	dropped int // since the last that was logged
}

// count reports whether a refusal is logged, with the number that were not before it.
func (c *refusals) count(now time.Time) (dropped int, log bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if now.Sub(c.began) >= time.Second {
		c.began, c.logged = now, 0
	}
	if c.logged == refusalsLogged {
		c.dropped++
		return 0, false
	}
	dropped, c.dropped = c.dropped, 0
	c.logged++
	return dropped, true
}

// refused logs a refusal.
func (p *Page) refused(r *http.Request, why string) {
	dropped, log := p.refusals.count(time.Now())
	if !log {
		return
	}
	attrs := []slog.Attr{slog.String("why", why), slog.String("from", r.RemoteAddr), slog.String("host", cut(r.Host, maxLogged)), slog.String("method", r.Method), slog.String("path", cut(r.URL.Path, maxLogged))}
	if dropped > 0 {
		attrs = append(attrs, slog.Int("not_logged_before", dropped))
	}
	p.cfg.Logger.LogAttrs(r.Context(), slog.LevelWarn, "refused", attrs...)
}

// who names a client by its certificate, or else by its address.
func who(r *http.Request) string {
	from := address(r.RemoteAddr)
	if r.TLS != nil && len(r.TLS.VerifiedChains) > 0 {
		return r.TLS.VerifiedChains[0][0].Subject.String() + " at " + from
	}
	return from
}

// address is a remote address without its port.
func address(remote string) string {
	if host, _, err := net.SplitHostPort(remote); err == nil {
		return host
	}
	return remote
}

// secret is the token that clients have to know. A browser has a cookie with a text made from it, so that the
// cookie does not tell the secret.
type secret struct {
	token  [sha256.Size]byte // its hash
	cookie string
	name   string // of the cookie: cookies are shared by the ports of a host
}

func newSecret(token string) (*secret, error) {
	if len(token) < minToken || strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return nil, refuse("the token must have at least %d characters, of printable ASCII without spaces: make one with openssl rand -hex 32", minToken)
	}
	derive := func(purpose string) string {
		h := hmac.New(sha256.New, []byte(token))
		h.Write([]byte(purpose))
		return hex.EncodeToString(h.Sum(nil))
	}
	return &secret{token: sha256.Sum256([]byte(token)), cookie: derive("leasehold page: cookie"), name: "leasehold-" + derive("leasehold page: name")[:8]}, nil
}

// is compares a token in constant time.
func (s *secret) is(token string) bool {
	hash := sha256.Sum256([]byte(token))
	return subtle.ConstantTimeCompare(hash[:], s.token[:]) == 1
}

// known reports whether a request has the secret: in the cookie, or as a bearer token, which a proxy can
// add.
func (s *secret) known(r *http.Request) bool {
	if scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " "); strings.EqualFold(scheme, "bearer") && s.is(token) {
		return true
	}
	for _, c := range r.CookiesNamed(s.name) {
		if subtle.ConstantTimeCompare([]byte(c.Value), []byte(s.cookie)) == 1 {
			return true
		}
	}
	return false
}

// admit answers a visit with ?token=: with the cookie, and the same address without the token.
func (p *Page) admit(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	if p.secret != nil && !p.secret.is(query.Get("token")) {
		p.refused(r, "token")
		p.fail(w, &problem{http.StatusUnauthorized, "this is not the token of the page", "see the file that --token-file names where the page runs"})
		return
	}
	if p.secret != nil {
		http.SetCookie(w, &http.Cookie{
			Name: p.secret.name, Value: p.secret.cookie, Path: p.cfg.BasePath + "/", MaxAge: int((30 * 24 * time.Hour).Seconds()),
			HttpOnly: true, SameSite: http.SameSiteStrictMode, Secure: p.cfg.TLS != nil,
		})
	}
	query.Del("token")
	to := "./"
	if len(query) > 0 {
		to += "?" + query.Encode()
	}
	w.Header().Set("Location", to) // relative, so that it holds behind a proxy
	w.WriteHeader(http.StatusSeeOther)
}
