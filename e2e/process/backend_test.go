package process_test

import (
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"

	"github.com/leasehold-go/leasehold/e2e/backends"
	"github.com/leasehold-go/leasehold/store"
)

// rows are the backends that the processes are tried on. Each says how to read what
// the library keeps beside a key.
var rows = map[string]func(server, string) map[string]string{"redis": fence, "etcd": noteAndMarks}

// server is a fresh server of a backend, with a program beside it that speaks its own
// language.
type server struct {
	*backends.Place
	beside func(server, string) map[string]string
}

// onEach runs a test on a server of each backend.
func onEach(t *testing.T, test func(server)) {
	t.Helper()
	backends.Apart(t, maps.Keys(rows), func(t *testing.T, name string, p *backends.Place) {
		test(server{p, rows[name]})
	})
}

// raw is what any reader of the key gets; empty if there is nothing.
func (s server) raw(key string) string {
	s.Helper()
	value, _ := s.Outsider.Get(key)
	return string(value)
}

func (s server) left(key string) time.Duration {
	s.Helper()
	_, left := s.Outsider.Get(key)
	return left
}

// fence reads what lies beside a key on Redis.
func fence(s server, key string) map[string]string {
	s.Helper()
	options, err := redis.ParseURL(s.URL)
	if err != nil {
		s.Fatal(err)
	}
	client := redis.NewClient(options)
	defer client.Close()
	names, err := client.Keys(s.Context(), store.Reserved+"*").Result()
	if err != nil {
		s.Fatal(err)
	}
	for _, name := range names {
		if strings.HasSuffix(name, ":f:"+key) {
			text, err := client.Get(s.Context(), name).Result()
			if err != nil {
				s.Fatal(err)
			}
			return map[string]string{name: text}
		}
	}
	return nil
}

// noteAndMarks reads what lies beside a key on etcd, and at which revisions all of it
// and the key itself were put.
func noteAndMarks(s server, key string) map[string]string {
	s.Helper()
	client, err := clientv3.New(clientv3.Config{Endpoints: []string{strings.TrimPrefix(s.URL, "etcd://")}, Logger: zap.NewNop()})
	if err != nil {
		s.Fatal(err)
	}
	defer client.Close()
	all, err := client.Get(s.Context(), "\x00", clientv3.WithFromKey())
	if err != nil {
		s.Fatal(err)
	}
	beside := make(map[string]string)
	for _, kv := range all.Kvs {
		if strings.Contains(string(kv.Key), key) {
			beside[string(kv.Key)] = kv.String()
		}
	}
	return beside
}

// state is everything that lies under a key and beside it.
type state struct {
	value  string
	beside map[string]string
}

func (s server) state(key string) state { return state{s.raw(key), s.beside(s, key)} }

// unchanged checks that nobody has written since.
func (s server) unchanged(key string, before state) {
	s.Helper()
	if now := s.state(key); now.value != before.value || !maps.Equal(now.beside, before.beside) {
		s.Errorf("there was\n%+v and there is\n%+v", before, now)
	}
}

// holds starts the small program.
func (s server) holds(args ...string) *child {
	s.Helper()
	return spawn(s, nil, append([]string{holder(s), "-store", s.URL}, args...)...)
}
