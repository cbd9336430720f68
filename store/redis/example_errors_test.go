package redisstore_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/redis/go-redis/v9"

	"github.com/leasehold-go/leasehold/store"
	redisstore "github.com/leasehold-go/leasehold/store/redis"
)

// What is wrong with a server comes with the rule that it breaks. Options say what else is asked of it,
// here that a replica confirms each create and renew.
func ExampleServerError() {
	ctx := context.Background()
	client := redis.NewClient(&redis.Options{Addr: "127.0.0.1:1", MaxRetries: -1}) // nobody listens there
	defer client.Close()
	_, err := redisstore.New(ctx, client, redisstore.WithReplicaAck(1, 0))
	fmt.Println(errors.Is(err, store.ErrInvalid))
	_, err = redisstore.New(ctx, client, redisstore.WithoutTrial())
	if refused, ok := errors.AsType[*redisstore.ServerError](err); ok {
		fmt.Println(refused.Server, errors.Is(err, store.ErrUnavailable))
	}
	// Output:
	// true
	// 127.0.0.1:1 true
}
