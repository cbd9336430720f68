package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/logging"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"

	"github.com/leasehold-go/leasehold/store"
	etcdstore "github.com/leasehold-go/leasehold/store/etcd"
	redisstore "github.com/leasehold-go/leasehold/store/redis"
)

// open opens the store that a URL names, and returns how to close it.
func open(ctx context.Context, url string) (store.Store, func(), error) {
	switch scheme, hosts, _ := strings.Cut(url, "://"); scheme {
	case "redis":
		return openRedis(ctx, redis.NewClient(&redis.Options{Addr: hosts, PoolSize: 4}))
	case "redis+sentinel":
		options, err := redis.ParseFailoverURL("redis://" + hosts)
		if err != nil {
			return nil, nil, err
		}
		return openRedis(ctx, redis.NewFailoverClient(options))
	case "redis+cluster":
		return openRedis(ctx, redis.NewClusterClient(&redis.ClusterOptions{Addrs: strings.Split(hosts, ",")}))
	case "etcd":
		return openEtcd(ctx, strings.Split(hosts, ","))
	}
	return nil, nil, fmt.Errorf("-store %q names no store", url)
}

func openRedis(ctx context.Context, client redis.UniversalClient) (store.Store, func(), error) {
	redis.SetLogger(&logging.VoidLogger{})
	st, err := redisstore.New(ctx, client)
	if err != nil {
		return nil, nil, err
	}
	return st, func() { st.Close(); client.Close() }, nil
}

// openEtcd asks a member that does not answer in time again: a hundred processes that begin together
// keep a slow machine busy for longer.
func openEtcd(ctx context.Context, endpoints []string) (store.Store, func(), error) {
	client, err := clientv3.New(clientv3.Config{Endpoints: endpoints, Logger: zap.NewNop()})
	if err != nil {
		return nil, nil, err
	}
	for {
		st, err := etcdstore.New(ctx, client)
		if err == nil {
			return st, func() { st.Close(); client.Close() }, nil
		}
		if unmet, ok := errors.AsType[*etcdstore.ServerError](err); !ok || unmet.Err == nil || ctx.Err() != nil {
			return nil, nil, err
		}
	}
}
