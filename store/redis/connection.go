package redisstore

import (
	"fmt"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/leasehold-go/leasehold/store"
)

// connection is a client of one of the two kinds that a store can use.
type connection struct {
	client  redis.UniversalClient
	single  *redis.Client        // nil for a Cluster's client
	cluster *redis.ClusterClient // nil for a single server's
}

// connect refuses a client that spreads names over servers by rules of its own.
func connect(client redis.UniversalClient) (connection, error) {
	switch c := client.(type) {
	case *redis.Client:
		if c != nil {
			return connection{client: c, single: c}, nil
		}
	case *redis.ClusterClient:
		if c != nil {
			return connection{client: c, cluster: c}, nil
		}
	case nil:
	default:
		return connection{}, &store.InvalidError{What: "client", Got: fmt.Sprintf("%T", client),
			Rule: "must be a *redis.Client or a *redis.ClusterClient: a record and its fence have to share a server"}
	}
	return connection{}, &store.InvalidError{What: "client", Rule: "must not be nil"}
}

func (c connection) readTimeout() time.Duration {
	if c.single != nil {
		return c.single.Options().ReadTimeout
	}
	return c.cluster.Options().ReadTimeout
}

// bounded gives a client without timeouts the timeouts of a pipeline, because a call over a
// connection that goes dark would otherwise never end. go-redis can do that only for the client
// of a single server; the client of a Cluster is refused.
func (c connection) bounded() (connection, error) {
	if c.single != nil {
		if o := c.single.Options(); o.ReadTimeout <= 0 || o.WriteTimeout <= 0 {
			c.single = c.single.WithTimeout(maxPipeline)
			c.client = c.single
		}
		return c, nil
	}
	if o := c.cluster.Options(); o.ReadTimeout <= 0 || o.WriteTimeout <= 0 {
		return connection{}, &store.InvalidError{What: "timeouts of the client", Got: "none",
			Rule: "ReadTimeout and WriteTimeout of a ClusterClient must be positive: over a connection that goes dark a call would never end"}
	}
	return c, nil
}

// address names the server, or the servers that the client of a Cluster was given.
func (c connection) address() string {
	if c.single != nil {
		return c.single.Options().Addr
	}
	return strings.Join(c.cluster.Options().Addrs, ",")
}
