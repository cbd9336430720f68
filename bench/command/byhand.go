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
	out := bufio.NewWriter(os.Stdout)
	for i, key := range keys {
		var record struct {
			Feed      string `json:"feed"`
			Leasehold struct {
				State    string `json:"state"`
				Instance string `json:"instance"`
				Host     string `json:"host"`
				Error    string `json:"error"`
			} `json:"leasehold"`
		}
		if err := json.Unmarshal([]byte(values[i].Val()), &record); err != nil {
			return err
		}
		r := record.Leasehold
		fmt.Fprintf(out, "%-20s %-10s %-30s %-20s %-10v %s\n", key, r.State, r.Instance, r.Host, left[i].Val(), r.Error)
	}
	return out.Flush()
}
