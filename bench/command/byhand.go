package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/redis/go-redis/v9"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"
)

// byHand reads the names of the instances, then each value and its time left in one pipeline, decodes
// them, and prints a line for each.
func byHand(ctx context.Context, address string) error {
	client := redis.NewClient(&redis.Options{Addr: address, ReadTimeout: time.Minute})
	defer client.Close()
	keys, err := client.ZRangeArgs(ctx, redis.ZRangeArgs{Key: "leasehold:index", Start: "[fleet:", Stop: "(fleet;", ByLex: true}).Result()
	if err != nil {
		return err
	}
	slices.Sort(keys)
	values, left := make([]*redis.StringCmd, len(keys)), make([]*redis.DurationCmd, len(keys))
	if _, err := client.Pipelined(ctx, func(p redis.Pipeliner) error {
		for i, key := range keys {
			values[i], left[i] = p.Get(ctx, key), p.PTTL(ctx, key)
		}
		return nil
	}); err != nil {
		return err
	}
	return list(keys, func(i int) (string, any) { return values[i].Val(), left[i].Val() })
}

// byHandOnEtcd does the same in one read of a member. The times left would be a request each.
func byHandOnEtcd(ctx context.Context, endpoint string) error {
	client, err := clientv3.New(clientv3.Config{Endpoints: []string{endpoint}, Logger: zap.NewNop(), MaxCallRecvMsgSize: 1 << 30})
	if err != nil {
		return err
	}
	defer client.Close()
	all, err := client.Get(ctx, "fleet:", clientv3.WithPrefix())
	if err != nil {
		return err
	}
	keys := make([]string, len(all.Kvs))
	for i, kv := range all.Kvs {
		keys[i] = string(kv.Key)
	}
	return list(keys, func(i int) (string, any) { return string(all.Kvs[i].Value), all.Kvs[i].Lease })
}

// list decodes the values of keys and prints a line for each. of returns a value, and a time left or
// an etcd lease.
func list(keys []string, of func(i int) (string, any)) error {
	out := bufio.NewWriter(os.Stdout)
	for i, key := range keys {
		value, left := of(i)
		var record struct {
			Feed      string `json:"feed"`
			Leasehold struct {
				State    string `json:"state"`
				Instance string `json:"instance"`
				Host     string `json:"host"`
				Error    string `json:"error"`
			} `json:"leasehold"`
		}
		if err := json.Unmarshal([]byte(value), &record); err != nil {
			return err
		}
		r := record.Leasehold
		fmt.Fprintf(out, "%-20s %-10s %-30s %-20s %-10v %s\n", key, r.State, r.Instance, r.Host, left, r.Error)
	}
	return out.Flush()
}
