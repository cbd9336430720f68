// Package page serves the page of `leasehold serve`: the instances of a store, live, for operators.
//
// One watch of the store feeds a [board], which keeps a row of JSON for each instance and the frames
// of the last moments. Every client reads the same frames at its own pace, over one event stream. The
// cost of a change so depends neither on how many clients there are nor on how slow one of them is: a
// client that falls behind the oldest frame begins again with all rows.
//
// # Guarantees
//
//   - Rows are those of the store, late by a batch (100 ms) and the watch. While the store does not
//     answer, clients are told so, and rows stay as they were. When it answers again, they are current
//     only after all of them have been read anew.
//   - Nothing is served to a name that the page does not have (DNS rebinding), and nothing from the
//     store to a client without the secret, if one is set. [New] refuses an address beyond loopback
//     without a secret or certificates.
//   - Nothing is asked of an instance unless [Config.Requests] is set, and then only from the page
//     itself.
//   - It reads the store and asks instances; it writes nothing else, so the rights to read suffice.
//
// # No guarantees
//
// The page does not tell users apart, except by their certificates. Everybody with access to the
// machine's loopback interface can read a page there that has no secret.
package page

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"path"
	"strings"
	"sync"
	"time"

	"github.com/leasehold-go/leasehold/store"
)

// Config configures a page.
type Config struct {
	// Store is read. Requests pass through it too.
	Store store.Store
	// StoreName is shown. It must have no password.
	StoreName string
	// Prefix is that of the keys.
	Prefix string

	// Listen is the address, host:port.
	Listen string
	// Hosts are further host names of the page, of a proxy for example.
	Hosts []string
	// BasePath is the page's path in browsers, /leasehold for example. The server takes requests
	// with it and without it, so a proxy may strip it.
	BasePath string
	// Token is the secret that clients have to know; none if empty.
	Token string
	// TLS is the configuration of HTTPS, or nil. With client certificates required, no token is needed.
	TLS *tls.Config

	// Requests allows to ask instances for transitions and events.
	Requests bool
	// Logger is told of requests and refusals.
	Logger *slog.Logger
}

// Page serves one store. It comes from [New].
type Page struct {
	cfg         Config
	assets      fs.FS
	board       *board
	ages        *ages
	definitions *definitions
	pasts       *pasts
	hosts       hosts
	secret      *secret // or nil
	streams     *limiter
	refusals    refusals
	reads       chan struct{} // has an element for each call that reads the store
	asking      chan struct{} // and for each request under way
	hello       hello
	handler     http.Handler
	closing     chan struct{} // closed when the server ends
}

// ConfigError is a configuration that breaks a rule. Its text has the remedy.
type ConfigError struct{ text string }

func (e *ConfigError) Error() string { return e.text }

func refuse(format string, args ...any) error { return &ConfigError{fmt.Sprintf(format, args...)} }

// New checks a configuration. It fails with *[ConfigError].
func New(cfg Config) (*Page, error) {
	if err := store.CheckPrefix(cfg.Prefix); err != nil {
		return nil, refuse("%v", err)
	}
	base, err := checkBasePath(cfg.BasePath)
	if err != nil {
		return nil, err
	}
	cfg.BasePath = base
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	p := &Page{
		cfg: cfg, assets: assets(), board: newBoard(cfg.Store, cfg.Prefix), ages: newAges(cfg.Store), definitions: newDefinitions(cfg.Store), pasts: newPasts(cfg.Store),
		streams: newLimiter(maxStreams, maxStreamsOfOne), reads: make(chan struct{}, maxReads), asking: make(chan struct{}, maxAsking), closing: make(chan struct{}),
	}
	if p.hosts, err = checkAddress(cfg); err != nil {
		return nil, err
	}
	if cfg.Token != "" {
		if p.secret, err = newSecret(cfg.Token); err != nil {
			return nil, err
		}
	}
	p.hello = hello{
		Page: store.NewNonce().String(), Version: version(p.assets), Store: cfg.StoreName, Prefix: cfg.Prefix, AllowRequests: cfg.Requests,
		KeepGone: keepGone.Milliseconds(), Precision: store.CapabilitiesOf(cfg.Store).Precision.Milliseconds(),
	}
	p.handler = p.routes()
	return p, nil
}

// checkBasePath returns a path without a slash at its end; empty for the root.
func checkBasePath(path string) (string, error) {
	base := strings.TrimSuffix(path, "/")
	switch {
	case base == "":
		return "", nil
	case !strings.HasPrefix(base, "/"):
		return "", refuse("the base path %q must begin with a slash", path)
	case strings.Contains(base, "//") || strings.Trim(base, "/abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.~") != "" || strings.Contains(base, "/."):
		return "", refuse("the base path %q must be a path of letters, digits and -_.~", path)
	}
	if first, _, _ := strings.Cut(base[1:], "/"); first == "api" || first == "assets" {
		return "", refuse("the base path %q must not begin with /api or /assets, which are paths of the page", path)
	}
	return base, nil
}

// routes are the paths without the base path. A ServeMux answers an odd path, such as //x, with a
// redirect that lacks the base path, so that it gets none.
func (p *Page) routes() http.Handler {
	api := http.NewServeMux()
	api.HandleFunc("GET /api/events", p.events)
	api.HandleFunc("POST /api/ages", p.reading(p.getAges))
	api.HandleFunc("GET /api/instance", p.reading(p.getInstance))
	api.HandleFunc("GET /api/definition", p.reading(p.getDefinition))
	api.HandleFunc("GET /api/log", p.reading(p.getLog))
	api.HandleFunc("POST /api/timeline", p.reading(p.getTimeline))
	api.HandleFunc("POST /api/request", p.request)
	api.HandleFunc("/api/", func(w http.ResponseWriter, r *http.Request) {
		p.fail(w, &problem{http.StatusNotFound, "there is no such call", "see that page and server are of one version: reload the page"})
	})
	calls := p.guarded(api)
	return p.secured(p.based(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if at := r.URL.Path; strings.HasPrefix(at, "/api/") && at == path.Clean(at) {
			calls.ServeHTTP(w, r)
		} else {
			p.asset(w, r)
		}
	})))
}

// based takes the base path off, and redirects browsers to the path with a slash at its end, so
// that relative addresses work.
func (p *Page) based(next http.Handler) http.Handler {
	base := p.cfg.BasePath
	if base == "" {
		return next
	}
	stripped := http.StripPrefix(base, next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch path := r.URL.Path; {
		case path == base:
			to := base + "/"
			if r.URL.RawQuery != "" {
				to += "?" + r.URL.RawQuery
			}
			http.Redirect(w, r, to, http.StatusPermanentRedirect)
		case strings.HasPrefix(path, base+"/"):
			stripped.ServeHTTP(w, r)
		default: // a proxy has stripped it
			next.ServeHTTP(w, r)
		}
	})
}

// Limits of the server.
const (
	maxConnections      = 1024
	maxConnectionsOfOne = 512 // of one address; a proxy is one
	maxStreams          = 256
	maxStreamsOfOne     = 128
	maxReads            = 16 // calls that read the store at a time
	maxAsking           = 32 // requests under way
	maxBody             = 128 << 10
	readLimit           = 10 * time.Second // of a call that reads the store
	shutdownLimit       = 5 * time.Second
)

// Listen opens the address of the configuration.
func (p *Page) Listen(ctx context.Context) (net.Listener, error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", p.cfg.Listen)
	if err != nil {
		return nil, err
	}
	if at, is := l.Addr().(*net.TCPAddr); is && !at.IP.IsLoopback() && p.open() {
		_ = l.Close() // a name that is of loopback no more
		return nil, beyondLoopback(at.String())
	}
	l = &limitedListener{Listener: l, limit: newLimiter(maxConnections, maxConnectionsOfOne)}
	if p.cfg.TLS != nil {
		c := p.cfg.TLS.Clone()
		c.NextProtos = []string{"h2", "http/1.1"}
		l = tls.NewListener(l, c)
	}
	return l, nil
}

// Serve serves on a listener until ctx ends, and returns when nothing runs any more.
func (p *Page) Serve(ctx context.Context, l net.Listener) error {
	ctx, cancel := context.WithCancel(ctx)
	var running sync.WaitGroup
	defer running.Wait()
	defer cancel()
	running.Go(func() { p.board.run(ctx) })

	server := &http.Server{
		Handler: p.handler, ErrorLog: slog.NewLogLogger(p.cfg.Logger.Handler(), slog.LevelDebug),
		ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 15 * time.Second, WriteTimeout: time.Minute, IdleTimeout: 2 * time.Minute,
		MaxHeaderBytes: 32 << 10,
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(l) }()
	select {
	case err := <-served:
		return err
	case <-ctx.Done():
	}
	close(p.closing) // event streams end
	limited, stop := context.WithTimeout(context.WithoutCancel(ctx), shutdownLimit)
	defer stop()
	err := server.Shutdown(limited)
	if errors.Is(err, context.DeadlineExceeded) {
		err = server.Close()
	}
	<-served
	return err
}

// URL is the address of the page for a browser of this machine, with the base path.
func (p *Page) URL(l net.Listener) string {
	scheme, host := "http", l.Addr().String()
	if p.cfg.TLS != nil {
		scheme = "https"
	}
	if at, is := l.Addr().(*net.TCPAddr); is && at.IP.IsUnspecified() {
		host = fmt.Sprintf("localhost:%d", at.Port)
	}
	return fmt.Sprintf("%s://%s%s/", scheme, host, p.cfg.BasePath)
}
