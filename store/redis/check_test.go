package redisstore_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/leasehold-go/leasehold/internal/redistest"
	"github.com/leasehold-go/leasehold/store"
	redisstore "github.com/leasehold-go/leasehold/store/redis"
)

// refusedAt checks that New refuses a client with a *ServerError.
func refusedAt(t *testing.T, client redis.UniversalClient) *redisstore.ServerError {
	t.Helper()
	_, err := redisstore.New(t.Context(), client)
	var fault *redisstore.ServerError
	if !errors.As(err, &fault) {
		t.Fatalf("got %v, want a *redisstore.ServerError", err)
	}
	return fault
}

// refused checks also where the fault was found.
func refused(t *testing.T, client redis.UniversalClient, what string, unavailable bool) *redisstore.ServerError {
	t.Helper()
	fault := refusedAt(t, client)
	err := error(fault)
	if fault.What != what {
		t.Errorf("%v: found at %q, want %q", err, fault.What, what)
	}
	if fault.Server == "" || fault.Rule == "" || !strings.Contains(err.Error(), fault.Server) {
		t.Errorf("%q does not say where or what to do", err)
	}
	if errors.Is(err, store.ErrUnavailable) != unavailable || errors.Is(err, store.ErrInDoubt) {
		t.Errorf("%v: unavailable should be %v", err, unavailable)
	}
	return fault
}

func connect(t *testing.T, server *redistest.Server, user, password string) *redis.Client {
	c := redis.NewClient(&redis.Options{Addr: server.Addr(), Username: user, Password: password})
	t.Cleanup(func() { c.Close() })
	return c
}

func TestNewChecksEviction(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t, "--maxmemory-policy", "allkeys-lru")
	fault := refused(t, server.Client(), "maxmemory_policy", false)
	if fault.Got != "allkeys-lru" {
		t.Errorf("got %q", fault.Got)
	}
	open(t, server.Client(), redisstore.WithEvictionAllowed())
}

func TestNewChecksTheRole(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	if err := server.Client().Do(t.Context(), "REPLICAOF", "127.0.0.1", "1").Err(); err != nil {
		t.Fatal(err)
	}
	refused(t, server.Client(), "role", false)
}

func TestNewChecksTheKindOfClient(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t, "--cluster-enabled", "yes")
	refused(t, server.Client(), "cluster_enabled", false)
}

func TestNewUnreachable(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	server.Stop()
	refused(t, server.Client(), "info", true)
}

func TestNewReturnsWithItsContext(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	client := patient(t, server)
	server.Pause()
	cause := errors.New("the cause")
	ctx, cancel := context.WithTimeoutCause(t.Context(), 200*time.Millisecond, cause)
	defer cancel()
	start := time.Now()
	_, err := redisstore.New(ctx, client)
	want(t, "new", err, store.ErrUnavailable)
	want(t, "new", err, cause)
	if took := time.Since(start); took > prompt {
		t.Errorf("it took %v after its context had ended at 200ms", took)
	}
	server.Resume()
}

func TestNewChecksThePassword(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t, "--requirepass", "secret")
	for name, client := range map[string]*redis.Client{
		"wrong": connect(t, server, "", "guess"),
		"none":  connect(t, server, "", ""),
	} {
		fault := refused(t, client, "info", true)
		if !redis.IsAuthError(fault.Err) || !strings.Contains(fault.Rule, "password") {
			t.Errorf("%s password: %v", name, fault)
		}
	}
	open(t, connect(t, server, "", "secret"))
}

func TestNewLeavesNothingBehind(t *testing.T) {
	t.Parallel()
	b := start(t)
	if n := b.do("DBSIZE"); n != int64(0) {
		t.Errorf("%d keys: %v", n, b.do("KEYS", "*"))
	}
}

// commands are those that the package's doc names.
var commands = strings.Fields("+info +evalsha +eval +time +get +getex +getrange +strlen +set +setrange " +
	"+del +exists +pttl +pexpire +pexpireat +zadd +zrem +zscore +zrangebylex +publish +client|info " +
	"+subscribe +unsubscribe +psubscribe +punsubscribe +config|get")

// grant makes a user that may do what the package's doc asks for, and what else
// rules say.
func grant(t *testing.T, b *bench, name string, rules ...string) *redis.Client {
	t.Helper()
	args := []any{"ACL", "SETUSER", name, "reset", "on", ">secret", "~app:*", "~leasehold:*", "&leasehold:*"}
	for _, rule := range append(commands, rules...) {
		args = append(args, rule)
	}
	b.do(args...)
	return connect(t, b.server, name, "secret")
}

func TestRightsThatSuffice(t *testing.T) {
	t.Parallel()
	for name, rules := range map[string][]string{
		"as documented":     nil,
		"without subscribe": {"-subscribe", "-psubscribe"},
		"without config":    {"-config"},
	} {
		t.Run(name, func(t *testing.T) {
			b := start(t)
			b.Store = open(t, grant(t, b, "app", rules...))
			throughAllVerbs(b, []string{"app:1", "app:{2}", "app: 3"})
			for e, err := range b.Watch(t.Context(), "app:") {
				if err != nil {
					t.Fatal(err)
				}
				if e.Kind == store.EventSynced {
					break
				}
			}
			if n := b.do("ACL", "LOG"); name == "as documented" && len(n.([]any)) != 0 {
				t.Errorf("denied: %v", n)
			}
		})
	}
}

// Each right that the verbs need is tried, so that none is found missing later.
func TestRightsThatDoNot(t *testing.T) {
	t.Parallel()
	b := start(t)
	rules := []string{"resetkeys", "resetchannels"}
	for _, command := range commands {
		switch command {
		case "+subscribe", "+unsubscribe", "+psubscribe", "+punsubscribe", "+config|get": // the store does without
		default:
			rules = append(rules, "-"+command[1:])
		}
	}
	for _, rule := range rules {
		b.do("SCRIPT", "FLUSH") // so that eval is needed
		fault := refusedAt(t, grant(t, b, "app"+rule, rule))
		if !strings.Contains(fault.Rule, "lacks a right") {
			t.Errorf("%s: %v", rule, fault)
		}
		if publishes := rule == "-publish" || rule == "resetchannels"; publishes != strings.Contains(fault.Rule, "+publish") {
			t.Errorf("%s: %v", rule, fault)
		}
	}
}
