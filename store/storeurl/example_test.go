package storeurl_test

import (
	"context"
	"fmt"

	"github.com/leasehold-go/leasehold/store/storeurl"
)

// A program that takes the URL of its store runs on any of them.
func ExampleOpen() {
	ctx := context.Background()
	st, closeStore, err := storeurl.Open(ctx, "memory:") // or redis://, rediss://, redis+sentinel://, redis+cluster://, etcd://, etcds://
	if err != nil {
		panic(err)
	}
	_, err = st.Get(ctx, "exchange:1")
	fmt.Println(err)
	fmt.Println(closeStore())
	// Output:
	// get "exchange:1": not found
	// <nil>
}

// The text of a target is its URL with the password hidden, for logs.
func ExampleParse() {
	target, err := storeurl.Parse("redis://service:s3cret@redis.example:6379")
	fmt.Println(target, err)
	_, err = storeurl.Parse("mysql://db.example")
	fmt.Println(err != nil)
	// Output:
	// redis://service:xxxxx@redis.example:6379 <nil>
	// true
}
