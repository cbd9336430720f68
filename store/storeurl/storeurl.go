// Package storeurl opens the store that a URL names, so that the users of a program can
// choose it:
//
//	memory:                                          the memory of the process
//	redis://user:password@host:6379/0                Redis; rediss with TLS
//	redis+sentinel://host:26379,host2?master_name=m  Redis with Sentinel; rediss+sentinel
//	redis+cluster://host:7000,host2:7001             Redis Cluster; rediss+cluster
//	etcd://user:password@host:2379,host2:2379        etcd; etcds with TLS
//
// A URL of Redis may have the parameters of go-redis too, such as read_timeout=2s. With TLS, ca=FILE
// names the certificates to trust instead of the system's, and cert=FILE and key=FILE the client's
// own, in PEM.
//
// It brings the clients of Redis and etcd into a program. One that knows its store makes the client
// itself, and with it a store of package redisstore or etcdstore.
package storeurl

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"

	"github.com/leasehold-go/leasehold/store"
	etcdstore "github.com/leasehold-go/leasehold/store/etcd"
	memstore "github.com/leasehold-go/leasehold/store/memory"
	redisstore "github.com/leasehold-go/leasehold/store/redis"
)

const (
	openLimit  = 10 * time.Second // to open a store
	aliveLimit = 5 * time.Second  // without an answer from a member of etcd, and again, before another is asked
)

// schemes are the schemes of the URLs. A new store needs a line here.
var schemes = map[string]func(location) (backend, error){
	"memory":          memory,
	"redis":           onRedis,
	"rediss":          onRedis,
	"redis+sentinel":  onSentinel,
	"rediss+sentinel": onSentinel,
	"redis+cluster":   onCluster,
	"rediss+cluster":  onCluster,
	"etcd":            onEtcd,
	"etcds":           onEtcd,
}

// backend opens the URLs of a scheme.
type backend struct {
	// open opens a store, without a trial of its verbs if it is to be untried. The function that it
	// returns closes the store and its client.
	open func(ctx context.Context, untried bool) (store.Store, func() error, error)
	// check checks the servers, through a client of its own.
	check func(context.Context, store.Usage) ([]store.Finding, error)
}

// Target is a store that is not open yet. It comes from [Parse].
type Target struct {
	backend
	name string
}

// Parse checks a URL and everything in it that can be checked before its server is reached. It
// fails with *[store.InvalidError], which quotes no password.
func Parse(text string) (Target, error) {
	at, err := parseLocation(text)
	if err != nil {
		return Target{}, invalid(err)
	}
	scheme, known := schemes[at.Scheme]
	if !known {
		return Target{}, invalid(fmt.Errorf("has the unknown scheme %q; known are %s", at.Scheme, strings.Join(slices.Sorted(maps.Keys(schemes)), ", ")))
	}
	if at.Scheme != "memory" && !strings.Contains(text, "://") { // it would be the client's default host
		return Target{}, invalid(fmt.Errorf("must begin with %s://", at.Scheme))
	}
	b, err := scheme(at)
	if err != nil && at.beyond {
		err = errUnescaped
	}
	if err != nil {
		return Target{}, invalid(err)
	}
	return Target{b, at.name()}, nil
}

func invalid(err error) error { return &store.InvalidError{What: "store URL", Rule: err.Error()} }

// String returns the URL without its password and query, which may have secrets.
func (t Target) String() string { return t.name }

// Open connects, for ten seconds at most. The function that it returns closes the store and then its
// client. It fails with the errors of New of the backend, which name the settings to change.
func (t Target) Open(ctx context.Context) (store.Store, func() error, error) {
	return t.opened(ctx, false)
}

// OpenWithoutTrial is Open for a program that runs a moment, or for a user without the right
// to write: see WithoutTrial of the backends.
func (t Target) OpenWithoutTrial(ctx context.Context) (store.Store, func() error, error) {
	return t.opened(ctx, true)
}

func (t Target) opened(ctx context.Context, untried bool) (store.Store, func() error, error) {
	if t.open == nil {
		return nil, nil, invalid(errors.New("must be made by Parse"))
	}
	return t.open(ctx, untried)
}

// Check checks the servers of the store and the user's rights against a usage, without opening a
// store. It returns the errors of Check of the backends.
func (t Target) Check(ctx context.Context, usage store.Usage) ([]store.Finding, error) {
	if t.check == nil {
		return nil, invalid(errors.New("must be made by Parse"))
	}
	return t.check(ctx, usage)
}

// Open is [Parse] and [Target.Open].
func Open(ctx context.Context, url string) (store.Store, func() error, error) {
	t, err := Parse(url)
	if err != nil {
		return nil, nil, err
	}
	return t.Open(ctx)
}

// location is a URL that may name several hosts, separated by commas.
type location struct {
	url.URL
	more []string    // the hosts after the first, each host:port
	tls  *tls.Config // with the certificates of the parameters; nil without TLS
	// beyond: there is no @ before the hosts, but one behind them. The hosts are then a user and the
	// beginning of a password, if there is anything else wrong.
	beyond bool
}

// errUnescaped takes the place of errors that would quote a part of a password.
var errUnescaped = errors.New("has a character in its user or password that must be escaped: / as %2F, ? as %3F, # as %23, % as %25")

func parseLocation(text string) (location, error) {
	// Package url accepts one host, so all others are cut out first.
	var more []string
	beyond := false
	if scheme, rest, found := strings.Cut(text, "://"); found {
		end := len(rest)
		if i := strings.IndexAny(rest, "/?#"); i >= 0 {
			end = i
		}
		start := strings.LastIndexByte(rest[:end], '@') + 1
		beyond = start == 0 && strings.Contains(rest[end:], "@")
		if _, err := url.PathUnescape(rest[:start]); err != nil {
			return location{}, errUnescaped
		}
		hosts := strings.Split(rest[start:end], ",")
		text, more = scheme+"://"+rest[:start]+hosts[0]+rest[end:], hosts[1:]
	}
	u, err := url.Parse(text)
	if parse := new(url.Error); errors.As(err, &parse) {
		err = parse.Err // which does not quote all of the URL
	} else if u.Fragment != "" {
		err = errors.New("takes nothing behind a #")
	}
	for _, host := range more {
		_, _, split := net.SplitHostPort(host)
		err = cmp.Or(err, split)
	}
	if err != nil && beyond {
		err = errUnescaped
	}
	if err != nil {
		return location{}, err
	}
	at := location{URL: *u, more: more, beyond: beyond}
	return at, at.takeCertificates()
}

// takeCertificates reads the files of ca, cert and key, and takes these parameters out of the URL.
func (l *location) takeCertificates() error {
	query := l.Query()
	ca, cert, key := query.Get("ca"), query.Get("cert"), query.Get("key")
	secure := strings.HasPrefix(l.Scheme, "rediss") || l.Scheme == "etcds"
	switch {
	case !secure && ca+cert+key != "":
		return errors.New("has a certificate, so its scheme must begin with rediss or be etcds")
	case !secure:
		return nil
	case (cert == "") != (key == ""):
		return errors.New("must have cert and key together")
	}
	l.tls = &tls.Config{MinVersion: tls.VersionTLS12}
	if ca != "" {
		pem, err := os.ReadFile(ca)
		if err != nil {
			return fmt.Errorf("ca cannot be read: %w", err)
		}
		l.tls.RootCAs = x509.NewCertPool()
		if !l.tls.RootCAs.AppendCertsFromPEM(pem) {
			return fmt.Errorf("ca must be a file with certificates in PEM; %q has none", ca)
		}
	}
	if cert != "" {
		pair, err := tls.LoadX509KeyPair(cert, key)
		if err != nil {
			return fmt.Errorf("cert and key cannot be used: %w", err)
		}
		l.tls.Certificates = []tls.Certificate{pair}
	}
	for _, name := range []string{"ca", "cert", "key"} {
		query.Del(name)
	}
	l.RawQuery = query.Encode()
	return nil
}

// secure adds the certificates of the URL to the options of go-redis, which have a server's name.
func (l location) secure(c *tls.Config) {
	if c != nil && l.tls != nil {
		c.RootCAs, c.Certificates = l.tls.RootCAs, l.tls.Certificates
	}
}

// name returns the URL without its password and query, which may have secrets.
func (l location) name() string {
	shown := l.URL
	shown.Host = strings.Join(l.hosts(), ",")
	shown.RawQuery = ""
	return shown.Redacted()
}

func (l location) hosts() []string { return append([]string{l.Host}, l.more...) }

// redis returns the URL as go-redis expects it: without the suffix kind in its scheme, and
// with further hosts as parameters.
func (l location) redis(kind string) string {
	u := l.URL
	u.Scheme = strings.TrimSuffix(u.Scheme, kind)
	query := u.Query()
	for _, host := range l.more {
		query.Add("addr", host)
	}
	u.RawQuery = query.Encode()
	return u.String()
}

func memory(at location) (backend, error) {
	if at.Opaque+at.Host+at.Path+at.RawQuery != "" {
		return backend{}, errors.New("memory: takes nothing after the colon")
	}
	return backend{
		func(context.Context, bool) (store.Store, func() error, error) {
			st := memstore.New()
			return st, st.Close, nil
		},
		func(_ context.Context, usage store.Usage) ([]store.Finding, error) {
			return []store.Finding{{Check: "sharing", Level: store.LevelWarn, Seen: "private to a process, and gone when it ends",
				Advice: "other processes can hold the same keys: use Redis or etcd for services"}}, usage.Check()
		},
	}, nil
}

func onRedis(at location) (backend, error) {
	if len(at.more) > 0 {
		return backend{}, fmt.Errorf("%s: takes one host; %[1]s+sentinel and %[1]s+cluster take several", at.Scheme)
	}
	options, err := redis.ParseURL(at.redis(""))
	if err != nil {
		return backend{}, err
	}
	at.secure(options.TLSConfig)
	options.DialerRetries = 1 // the keeper tries again itself
	return onServers(func() redis.UniversalClient { return redis.NewClient(options) }), nil
}

func onSentinel(at location) (backend, error) {
	options, err := redis.ParseFailoverURL(at.redis("+sentinel"))
	if err != nil {
		return backend{}, err
	}
	if options.MasterName == "" {
		return backend{}, fmt.Errorf("%s: needs the name of the master: ?master_name=NAME", at.Scheme)
	}
	at.secure(options.TLSConfig)
	options.DialerRetries = 1
	b := onServers(func() redis.UniversalClient { return redis.NewFailoverClient(options) })
	master := b.check
	b.check = func(ctx context.Context, usage store.Usage) ([]store.Finding, error) {
		findings, err := master(ctx, usage)
		if err != nil {
			return nil, err
		}
		return append(findings, redisstore.CheckSentinels(ctx, options, usage)...), nil
	}
	return b, nil
}

func onCluster(at location) (backend, error) {
	if strings.Trim(at.Path, "/0") != "" {
		return backend{}, fmt.Errorf("%s: has one database, so none can be chosen", at.Scheme)
	}
	options, err := redis.ParseClusterURL(at.redis("+cluster"))
	if err != nil {
		return backend{}, err
	}
	at.secure(options.TLSConfig)
	options.DialerRetries = 1
	return onServers(func() redis.UniversalClient { return redis.NewClusterClient(options) }), nil
}

func onServers(connect func() redis.UniversalClient) backend {
	return backend{
		func(ctx context.Context, untried bool) (store.Store, func() error, error) {
			ctx, cancel := context.WithTimeout(ctx, openLimit)
			defer cancel()
			var opts []redisstore.Option
			if untried {
				opts = append(opts, redisstore.WithoutTrial())
			}
			client := connect()
			st, err := redisstore.New(ctx, client, opts...)
			return withClient(client, st, err)
		},
		func(ctx context.Context, usage store.Usage) ([]store.Finding, error) {
			client := connect()
			findings, err := redisstore.Check(ctx, client, usage)
			return findings, errors.Join(err, client.Close())
		},
	}
}

func onEtcd(at location) (backend, error) {
	if strings.Trim(at.Path, "/")+at.RawQuery != "" {
		return backend{}, fmt.Errorf("%s: takes nothing after the hosts but ca, cert and key", at.Scheme)
	}
	config := clientv3.Config{
		Endpoints: at.hosts(), DialTimeout: openLimit, Logger: zap.NewNop(), TLS: at.tls,
		DialKeepAliveTime: aliveLimit, DialKeepAliveTimeout: aliveLimit,
	}
	config.Username = at.User.Username()
	config.Password, _ = at.User.Password()
	return backend{
		func(ctx context.Context, untried bool) (store.Store, func() error, error) {
			ctx, cancel := context.WithTimeout(ctx, openLimit)
			defer cancel()
			client, err := clientv3.New(config)
			if err != nil {
				return nil, nil, err
			}
			var opts []etcdstore.Option
			if untried {
				opts = append(opts, etcdstore.WithoutTrial())
			}
			st, err := etcdstore.New(ctx, client, opts...)
			return withClient(client, st, err)
		},
		func(ctx context.Context, usage store.Usage) ([]store.Finding, error) {
			client, err := clientv3.New(config)
			if err != nil {
				return nil, err
			}
			findings, err := etcdstore.Check(ctx, client, usage)
			return findings, errors.Join(err, client.Close())
		},
	}, nil
}

// withClient returns an opened store, and a function that closes it before its client. If err
// is not nil, it closes the client.
func withClient(client io.Closer, st interface {
	store.Store
	io.Closer
}, err error) (store.Store, func() error, error) {
	if err != nil {
		return nil, nil, errors.Join(err, client.Close())
	}
	return st, func() error { return errors.Join(st.Close(), client.Close()) }, nil
}
