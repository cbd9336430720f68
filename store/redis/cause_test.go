package redisstore_test

import (
	"bytes"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"

	"github.com/leasehold-go/leasehold/internal/redistest"
	"github.com/leasehold-go/leasehold/store"
)

// writesAreUnavailable checks that each verb says that nothing was written.
func writesAreUnavailable(t *testing.T, b *bench, token store.Token) {
	t.Helper()
	for name, verb := range verbs {
		if !verb.writes {
			continue
		}
		err := verb.call(t.Context(), b.Store, token)
		want(t, name, err, store.ErrUnavailable)
		if errors.Is(err, store.ErrInDoubt) {
			t.Errorf("%s: %v, but nothing was written", name, err)
		}
	}
}

func TestAScriptRefusedAtItsFirstCommandWroteNothing(t *testing.T) {
	t.Parallel()
	b := start(t)
	b.Store = open(t, grant(t, b, "app", "allkeys"))
	token := b.hold("key").Token
	b.do("ACL", "SETUSER", "app", "-getrange")
	writesAreUnavailable(t, b, token)
}

// breaker is a Limiter that lets calls through while it is closed.
type breaker struct{ open bool }

var errOpen = errors.New("the breaker is open")

func (b *breaker) ReportResult(error) {}
func (b *breaker) Allow() error {
	if b.open {
		return errOpen
	}
	return nil
}

func TestACallThatALimiterRefusesIsNotSent(t *testing.T) {
	t.Parallel()
	b := start(t)
	limiter := new(breaker)
	client := redis.NewClient(&redis.Options{Addr: b.server.Addr(), Limiter: limiter})
	t.Cleanup(func() { client.Close() })
	b.Store = open(t, client)
	token := b.hold("key").Token
	limiter.open = true
	writesAreUnavailable(t, b, token)
	want(t, "get", verbs["get"].call(t.Context(), b.Store, token), errOpen)
}

// New says which option of the client or the server to change, and not that the server must
// answer, which it did.
func TestNewNamesTheOptionToChange(t *testing.T) {
	t.Parallel()
	server, sentinel := redistest.Start(t), redistest.StartSentinel(t, time.Minute)
	failover := func(name, addr string) *redis.Client {
		return redis.NewFailoverClient(&redis.FailoverOptions{MasterName: name, SentinelAddrs: []string{addr}})
	}
	for name, c := range map[string]struct {
		client redis.UniversalClient
		what   string
		rule   string
	}{
		"maintenance notifications": {redis.NewClient(&redis.Options{Addr: server.Addr(),
			MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeEnabled}}), "info", "MaintNotificationsConfig.Mode"},
		"no cluster":         {clusterClient(server.Addr()), "info", "redis.NewClient"},
		"a replica":          {sentinel.Replica().Client(), "role", "connect to its master"},
		"a sentinel":         {redis.NewClient(&redis.Options{Addr: sentinel.Addr()}), "redis_mode", "redis.NewFailoverClient"},
		"no such master":     {failover("other", sentinel.Addr()), "info", "MasterName, SentinelAddrs"},
		"no sentinel":        {failover(redistest.MasterName, server.Addr()), "info", "MasterName, SentinelAddrs"},
		"slots without node": {clusterClient(redistest.Start(t, "--cluster-enabled", "yes").Addr()), "create", "all slots"},
		"no memory":          {redistest.Start(t, "--maxmemory", "1").Client(), "create", "raise maxmemory"},
		"no replica":         {redistest.Start(t, "--min-replicas-to-write", "1").Client(), "create", "min-replicas-to-write"},
		"no version":         {redis.NewClient(&redis.Options{Addr: without(t, server, "redis_version")}), "redis_version", "INFO"},
		"no info":            {redistest.Start(t, "--rename-command", "INFO", "").Client(), "info", "rename-command"},
		"no zadd":            {redistest.Start(t, "--rename-command", "ZADD", "").Client(), "list", "rename-command"},
		"no getex":           {redistest.Start(t, "--rename-command", "GETEX", "").Client(), "refused update", "rename-command"},
	} {
		t.Run(name, func(t *testing.T) {
			defer c.client.Close()
			fault := refusedAt(t, c.client)
			if fault.What != c.what || !strings.Contains(fault.Rule, c.rule) || strings.Contains(fault.Error(), "must answer") {
				t.Errorf("%v", fault)
			}
		})
	}
}

func clusterClient(addr string) *redis.ClusterClient {
	return redis.NewClusterClient(&redis.ClusterOptions{Addrs: []string{addr}})
}

// without returns the address of a proxy to a server that replaces a word in the answers.
func without(t *testing.T, server *redistest.Server, word string) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	t.Cleanup(func() { listener.Close(); <-done })
	go func() {
		defer close(done)
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			upstream, err := net.Dial("tcp", server.Addr())
			if err != nil {
				client.Close()
				return
			}
			go func() { io.Copy(upstream, client); upstream.Close() }()
			go func() { io.Copy(replacer{client, []byte(word)}, upstream); client.Close() }()
		}
	}()
	return listener.Addr().String()
}

// replacer writes another word of the same length, if the word is in one piece.
type replacer struct {
	io.Writer
	word []byte
}

func (r replacer) Write(p []byte) (int, error) {
	return r.Writer.Write(bytes.ReplaceAll(p, r.word, bytes.Repeat([]byte("x"), len(r.word))))
}
