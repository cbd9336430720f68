package redisstore_test

import (
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	redisstore "github.com/leasehold-go/leasehold/store/redis"
)

// A pipeline carries hundreds of calls. A read timeout that is enough for one command must not
// leave all of them in doubt.
func TestAShortReadTimeoutIsNotThatOfAPipeline(t *testing.T) {
	t.Parallel()
	b := start(t)
	client := redis.NewClient(&redis.Options{Addr: b.server.Addr(), ReadTimeout: 50 * time.Millisecond})
	t.Cleanup(func() { client.Close() })
	eventually(t, "New is quick enough", func() bool {
		st, err := redisstore.New(t.Context(), client)
		if err == nil {
			b.Store = st
			t.Cleanup(func() { st.Close() })
		}
		return err == nil
	})
	eventually(t, "a create that takes longer than the client's timeout has its answer", func() bool {
		b.do("CLIENT", "PAUSE", 200, "WRITE")
		_, err := b.Create(t.Context(), claim(t.Name()))
		return err == nil
	})
}
