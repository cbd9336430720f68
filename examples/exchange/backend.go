package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/logging"

	"github.com/leasehold-go/leasehold/store"
	memstore "github.com/leasehold-go/leasehold/store/memory"
	redisstore "github.com/leasehold-go/leasehold/store/redis"
)

// openLimit is the time for a server to answer at all.
const openLimit = 5 * time.Second

// schemes are the stores that -store can name. Another store is another line.
var schemes = map[string]func(*url.URL) (opener, error){
	"memory": memory,
	"redis":  onRedis,
}

// opener opens a store, and returns how to close it.
type opener func(context.Context) (store.Store, func() error, error)

// backend is a store that was named and is not open yet.
type backend struct {
	name string // without a password
	open opener
}

func parseBackend(text string) (backend, error) {
	u, err := url.Parse(text)
	if parse := new(url.Error); errors.As(err, &parse) {
		return backend{}, parse.Err // which does not quote the password
	}
	scheme, known := schemes[u.Scheme]
	if !known {
		return backend{}, fmt.Errorf("unknown scheme %q; known are %s", u.Scheme, strings.Join(slices.Sorted(maps.Keys(schemes)), ", "))
	}
	open, err := scheme(u)
	return backend{name: u.Redacted(), open: open}, err
}

func memory(u *url.URL) (opener, error) {
	if u.Opaque+u.Host+u.Path+u.RawQuery != "" {
		return nil, errors.New("memory: takes nothing after the colon")
	}
	return func(context.Context) (store.Store, func() error, error) {
		st := memstore.New()
		return st, st.Close, nil
	}, nil
}

func onRedis(u *url.URL) (opener, error) {
	options, err := redis.ParseURL(u.String())
	if err != nil {
		return nil, err
	}
	options.DialerRetries = 1              // a server that is not there is told of at once; the keeper tries again
	redis.SetLogger(&logging.VoidLogger{}) // its troubles come back as errors
	return func(ctx context.Context) (store.Store, func() error, error) {
		ctx, cancel := context.WithTimeout(ctx, openLimit)
		defer cancel()
		client := redis.NewClient(options)
		st, err := redisstore.New(ctx, client)
		if err != nil {
			return nil, nil, errors.Join(err, client.Close())
		}
		return st, func() error { return errors.Join(st.Close(), client.Close()) }, nil
	}, nil
}
