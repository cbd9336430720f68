package redisstore_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/leasehold-go/leasehold/store"
	redisstore "github.com/leasehold-go/leasehold/store/redis"
)

// What breaks a rule is refused before anything is sent: the server is not there.
func TestBadInput(t *testing.T) {
	t.Parallel()
	b := start(t)
	b.server.Stop()
	ctx := t.Context()
	for name, c := range map[string]struct {
		change func(*store.Claim)
		what   string
	}{
		"empty key":         {func(c *store.Claim) { c.Key = "" }, "key"},
		"long key":          {func(c *store.Claim) { c.Key = strings.Repeat("k", store.MaxKey+1) }, "key"},
		"reserved key":      {func(c *store.Claim) { c.Key = "leasehold:x" }, "key"},
		"key not UTF-8":     {func(c *store.Claim) { c.Key = "\xff" }, "key"},
		"empty value":       {func(c *store.Claim) { c.Value = nil }, "value"},
		"large value":       {func(c *store.Claim) { c.Value = make([]byte, store.MaxValue+1) }, "value"},
		"zero ttl":          {func(c *store.Claim) { c.TTL = 0 }, "ttl"},
		"negative ttl":      {func(c *store.Claim) { c.TTL = -time.Second }, "ttl"},
		"ttl below minimum": {func(c *store.Claim) { c.TTL = store.MinTTL - 1 }, "ttl"},
		"zero nonce":        {func(c *store.Claim) { c.Nonce = store.Nonce{} }, "nonce"},
	} {
		t.Run("create "+name, func(t *testing.T) {
			bad := claim("key")
			c.change(&bad)
			_, err := b.Create(ctx, bad)
			wantInvalid(t, err, c.what)
		})
	}
	for name, c := range map[string]struct {
		write store.Renewal
		what  string
	}{
		"empty key":    {store.Renewal{Token: 1, Seq: 1, Value: []byte("v")}, "key"},
		"reserved key": {store.Renewal{Key: "leasehold:", Token: 1, Seq: 1, Value: []byte("v")}, "key"},
		"no token":     {store.Renewal{Key: "k", Seq: 1, Value: []byte("v")}, "token"},
		"no sequence":  {store.Renewal{Key: "k", Token: 1, Value: []byte("v")}, "sequence"},
		"large value":  {store.Renewal{Key: "k", Token: 1, Seq: 1, Value: make([]byte, store.MaxValue+1)}, "value"},
	} {
		t.Run("write "+name, func(t *testing.T) {
			wantInvalid(t, b.Update(ctx, store.Update(c.write)), c.what)
			wantInvalid(t, b.Renew(ctx, []store.Renewal{c.write})[0].Err, c.what)
		})
	}
	wantInvalid(t, b.Update(ctx, store.Update{Key: "k", Token: 1, Seq: 1}), "value")
	wantInvalid(t, b.Delete(ctx, "", store.ByToken(1)), "key")
	wantInvalid(t, b.Delete(ctx, "k", store.LeaseRef{}), "lease reference")
	wantInvalid(t, b.Delete(ctx, "k", store.LeaseRef{Token: 1, Nonce: store.NewNonce()}), "lease reference")
	_, err := b.Get(ctx, "leasehold:index")
	wantInvalid(t, err, "key")
	for _, err := range b.List(ctx, "\xff") {
		wantInvalid(t, err, "prefix")
	}
	for _, err := range b.Watch(ctx, strings.Repeat("k", store.MaxKey+1)) {
		wantInvalid(t, err, "prefix")
	}
}

func TestBadOptions(t *testing.T) {
	t.Parallel()
	b := start(t)
	for name, c := range map[string]struct {
		client redis.UniversalClient
		option redisstore.Option
		what   string
	}{
		"nil client":                   {nil, nil, "client"},
		"nil *redis.Client":            {(*redis.Client)(nil), nil, "client"},
		"nil *redis.ClusterClient":     {(*redis.ClusterClient)(nil), nil, "client"},
		"ring":                         {ring(t, b), nil, "client"},
		"no replicas":                  {b.plain, redisstore.WithReplicaAck(0, time.Second), "count of replicas"},
		"negative replicas":            {b.plain, redisstore.WithReplicaAck(-1, time.Second), "count of replicas"},
		"no timeout":                   {b.plain, redisstore.WithReplicaAck(1, 0), "timeout for replicas"},
		"timeout of a fraction":        {b.plain, redisstore.WithReplicaAck(1, time.Millisecond+1), "timeout for replicas"},
		"timeout beyond the client's":  {b.plain, redisstore.WithReplicaAck(1, time.Hour), "timeout for replicas"},
		"nil option":                   {b.plain, nil, ""},
		"eviction allowed, not needed": {b.plain, redisstore.WithEvictionAllowed(), ""},
	} {
		t.Run(name, func(t *testing.T) {
			var opts []redisstore.Option
			if c.option != nil {
				opts = append(opts, c.option)
			}
			st, err := redisstore.New(t.Context(), c.client, opts...)
			if c.what != "" {
				wantInvalid(t, err, c.what)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			st.Close()
		})
	}
}

func ring(t *testing.T, b *bench) *redis.Ring {
	r := redis.NewRing(&redis.RingOptions{Addrs: map[string]string{"a": b.server.Addr()}})
	t.Cleanup(func() { r.Close() })
	return r
}

// No timeout of the store's own can end what a Cluster's client does.
func TestClusterClientWithoutTimeouts(t *testing.T) {
	t.Parallel()
	for name, o := range map[string]redis.ClusterOptions{
		"no read timeout": {ReadTimeout: -1}, "no write timeout": {WriteTimeout: -1}, "no deadlines": {ReadTimeout: -2},
	} {
		o.Addrs = []string{"127.0.0.1:1"} // which is not asked
		client := redis.NewClusterClient(&o)
		_, err := redisstore.New(t.Context(), client)
		wantInvalid(t, err, "timeouts of the client")
		if err != nil && !strings.Contains(err.Error(), "ReadTimeout and WriteTimeout") {
			t.Errorf("%s: %v", name, err)
		}
		client.Close()
	}
}

func wantInvalid(t *testing.T, err error, what string) {
	t.Helper()
	var invalid *store.InvalidError
	if !errors.As(err, &invalid) || invalid.What != what {
		t.Errorf("got %v, want an invalid %s", err, what)
	}
}

func TestClosed(t *testing.T) {
	t.Parallel()
	b := start(t)
	for range 2 {
		want(t, "close", b.Close(), nil)
	}
	ctx := t.Context()
	_, err := b.Create(ctx, claim("key"))
	want(t, "create", err, store.ErrClosed)
	w := store.Renewal{Key: "key", Token: 1, Seq: 1, Value: []byte("v")}
	want(t, "renew", b.Renew(ctx, []store.Renewal{w})[0].Err, store.ErrClosed)
	want(t, "update", b.Update(ctx, store.Update(w)), store.ErrClosed)
	want(t, "delete", b.Delete(ctx, "key", store.ByToken(1)), store.ErrClosed)
	_, err = b.Get(ctx, "key")
	want(t, "get", err, store.ErrClosed)
	_, err = b.Get(context.Background(), "key")
	want(t, "get with a context that cannot end", err, store.ErrClosed)
	for _, err := range b.List(ctx, "") {
		want(t, "list", err, store.ErrClosed)
	}
	for _, err := range b.Watch(ctx, "") {
		want(t, "watch", err, store.ErrClosed)
	}
	if err := b.plain.Ping(ctx).Err(); err != nil {
		t.Errorf("the client was closed with the store: %v", err)
	}
}
