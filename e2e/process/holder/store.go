package main

import (
	"context"
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
		return openRedis(ctx, hosts)
	case "etcd":
		return openEtcd(ctx, strings.Split(hosts, ","))
	}
	return nil, nil, fmt.Errorf("-store %q names neither redis:// nor etcd://", url)
}

func openRedis(ctx context.Context, addr string) (store.Store, func(), error) {
	redis.SetLogger(&logging.VoidLogger{})
	client := redis.NewClient(&redis.Options{Addr: addr, PoolSize: 4})
	st, err := redisstore.New(ctx, client)
	if err != nil {
		return nil, nil, err
	}
	return st, func() { st.Close(); client.Close() }, nil
}

func openEtcd(ctx context.Context, endpoints []string) (store.Store, func(), error) {
	client, err := clientv3.New(clientv3.Config{Endpoints: endpoints, Logger: zap.NewNop()})
	if err != nil {
		return nil, nil, err
	}
	st, err := etcdstore.New(ctx, client)
	if err != nil {
		return nil, nil, err
	}
	return st, func() { st.Close(); client.Close() }, nil
}
