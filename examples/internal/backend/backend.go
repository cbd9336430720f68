// Package backend opens the store that a URL names. The example programs share it.
package backend

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/logging"
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
var schemes = map[string]func(location) (Opener, error){
	"memory":          memory,
	"redis":           onRedis,
	"rediss":          onRedis,
	"redis+sentinel":  onSentinel,
	"rediss+sentinel": onSentinel,
	"redis+cluster":   onCluster,
	"rediss+cluster":  onCluster,
	"etcd":            onEtcd,
}

// Opener opens a store. The function that it returns closes the store and its client.
type Opener func(context.Context) (store.Store, func() error, error)

// Backend is a store that is not open yet.
type Backend struct {
	Name string // its URL without password and query
	Open Opener
}

// Parse checks a URL and everything in it that can be checked before its server is reached. Its
// errors quote no password.
func Parse(text string) (Backend, error) {
	at, err := parseLocation(text)
	if err != nil {
		return Backend{}, err
	}
	scheme, known := schemes[at.Scheme]
	if !known {
		return Backend{}, fmt.Errorf("unknown scheme %q; known are %s", at.Scheme, strings.Join(slices.Sorted(maps.Keys(schemes)), ", "))
	}
	open, err := scheme(at)
	return Backend{Name: at.name(), Open: open}, err
}

// location is a URL that may name several hosts, separated by commas.
type location struct {
	url.URL
	more []string // the hosts after the first, each host:port
}

func parseLocation(text string) (location, error) {
	// Package url accepts one host, so all others are cut out first.
	var more []string
	if scheme, rest, found := strings.Cut(text, "://"); found {
		end := len(rest)
		if i := strings.IndexAny(rest, "/?#"); i >= 0 {
			end = i
		}
		start := strings.LastIndexByte(rest[:end], '@') + 1
		hosts := strings.Split(rest[start:end], ",")
		text, more = scheme+"://"+rest[:start]+hosts[0]+rest[end:], hosts[1:]
	}
	u, err := url.Parse(text)
	if parse := new(url.Error); errors.As(err, &parse) {
		return location{}, parse.Err // which does not quote the password
	}
	for _, host := range more {
		if _, _, err := net.SplitHostPort(host); err != nil {
			return location{}, err
		}
	}
	return location{*u, more}, nil
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

func memory(at location) (Opener, error) {
	if at.Opaque+at.Host+at.Path+at.RawQuery != "" {
		return nil, errors.New("memory: takes nothing after the colon")
	}
	return func(context.Context) (store.Store, func() error, error) {
		st := memstore.New()
		return st, st.Close, nil
	}, nil
}

func onRedis(at location) (Opener, error) {
	if len(at.more) > 0 {
		return nil, fmt.Errorf("%s: takes one host; %[1]s+sentinel and %[1]s+cluster take several", at.Scheme)
	}
	options, err := redis.ParseURL(at.redis(""))
	if err != nil {
		return nil, err
	}
	options.DialerRetries = 1 // the keeper tries again itself
	return redisOpener(func() redis.UniversalClient { return redis.NewClient(options) }), nil
}

func onSentinel(at location) (Opener, error) {
	options, err := redis.ParseFailoverURL(at.redis("+sentinel"))
	if err != nil {
		return nil, err
	}
	if options.MasterName == "" {
		return nil, fmt.Errorf("%s: needs the name of the master: ?master_name=NAME", at.Scheme)
	}
	options.DialerRetries = 1
	return redisOpener(func() redis.UniversalClient { return redis.NewFailoverClient(options) }), nil
}

func onCluster(at location) (Opener, error) {
	if strings.Trim(at.Path, "/0") != "" {
		return nil, fmt.Errorf("%s: has one database, so none can be chosen", at.Scheme)
	}
	options, err := redis.ParseClusterURL(at.redis("+cluster"))
	if err != nil {
		return nil, err
	}
	options.DialerRetries = 1
	return redisOpener(func() redis.UniversalClient { return redis.NewClusterClient(options) }), nil
}

func redisOpener(connect func() redis.UniversalClient) Opener {
	redis.SetLogger(&logging.VoidLogger{}) // failures come back as errors
	return func(ctx context.Context) (store.Store, func() error, error) {
		ctx, cancel := context.WithTimeout(ctx, openLimit)
		defer cancel()
		client := connect()
		st, err := redisstore.New(ctx, client)
		return withClient(client, st, err)
	}
}

func onEtcd(at location) (Opener, error) {
	if strings.Trim(at.Path, "/")+at.RawQuery != "" {
		return nil, errors.New("etcd: takes nothing after the hosts")
	}
	config := clientv3.Config{
		Endpoints: at.hosts(), DialTimeout: openLimit, Logger: zap.NewNop(),
		DialKeepAliveTime: aliveLimit, DialKeepAliveTimeout: aliveLimit,
	}
	config.Username = at.User.Username()
	config.Password, _ = at.User.Password()
	return func(ctx context.Context) (store.Store, func() error, error) {
		ctx, cancel := context.WithTimeout(ctx, openLimit)
		defer cancel()
		client, err := clientv3.New(config)
		if err != nil {
			return nil, nil, err
		}
		st, err := etcdstore.New(ctx, client)
		return withClient(client, st, err)
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
