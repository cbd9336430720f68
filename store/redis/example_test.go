package redisstore_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/redis/go-redis/v9"

	redisstore "github.com/leasehold-go/leasehold/store/redis"
)

// The client is the caller's: it has the addresses, the user and the timeouts, and is closed after
// the store. New says what to change if the server or the client does not fit.
func ExampleNew() {
	ctx := context.Background()
	client := redis.NewClient(&redis.Options{Addr: "127.0.0.1:1", MaxRetries: -1}) // nobody listens there
	defer client.Close()
	st, err := redisstore.New(ctx, client)
	if refused, ok := errors.AsType[*redisstore.ServerError](err); ok {
		fmt.Println(refused.Rule != "")
		return
	}
	defer st.Close()
	// Output:
	// true
}
