package etcdstore_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"

	"github.com/leasehold-go/leasehold/store"
	etcdstore "github.com/leasehold-go/leasehold/store/etcd"
)

// The client is the caller's: it has the endpoints, the credentials and the timeouts, and is closed after
// the store. New says what is wrong with the servers.
func ExampleNew() {
	ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
	defer cancel()
	client, err := clientv3.New(clientv3.Config{Endpoints: []string{"127.0.0.1:1"}, Logger: zap.NewNop()}) // nobody listens there
	if err != nil {
		panic(err)
	}
	defer client.Close()
	st, err := etcdstore.New(ctx, client)
	if err != nil {
		fmt.Println(errors.Is(err, store.ErrUnavailable), errors.Is(err, context.DeadlineExceeded))
		return
	}
	defer st.Close()
	// Output: true true
}
