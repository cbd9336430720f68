package redisstore_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/leasehold-go/leasehold/internal/full"
	"github.com/leasehold-go/leasehold/internal/redistest"
	"github.com/leasehold-go/leasehold/store"
)

func TestServersWithSmallLimitsAreRefused(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ setting, value, what, got, least string }{
		{"maxclients", "11", "maxclients", "11", "12"},
		{"client-query-buffer-limit", "1mb", "client-query-buffer-limit", "1048576", "2097152"},
		{"client-output-buffer-limit", "normal 1mb 0 0", "client-output-buffer-limit normal", "1048576", "2097152"},
		{"maxmemory-clients", "4mb", "maxmemory-clients", "4194304", "8388608"},
		{"maxmemory-clients", "5%", "maxmemory-clients", "5242880", "8388608"}, // of the 100 MiB below
	} {
		server := redistest.Start(t, "--"+c.setting, c.value, "--maxmemory", "100mb")
		fault := refused(t, server.Client(), c.what, false)
		if fault.Got != c.got || !strings.Contains(fault.Rule, "at least "+c.least) {
			t.Errorf("%s %s: %v", c.setting, c.value, fault)
		}
	}
}

// Each limit is the smallest that New accepts, or that Redis does.
func TestAllCallsSucceedWithTheSmallestLimits(t *testing.T) {
	full.Only(t)
	t.Parallel()
	for name, args := range map[string][]string{
		"maxclients":                        {"--maxclients", "12"},
		"client-query-buffer-limit":         {"--client-query-buffer-limit", "2mb"},
		"client-output-buffer-limit normal": {"--client-output-buffer-limit", "normal 2mb 0 0"},
		"client-output-buffer-limit pubsub": {"--client-output-buffer-limit", "pubsub 1kb 0 0"},
		"maxmemory-clients":                 {"--maxmemory-clients", "8mb"},
		"proto-max-bulk-len":                {"--proto-max-bulk-len", "1mb"},
		"lua-time-limit":                    {"--lua-time-limit", "1"}, // busy-reply-threshold since 7.0
		"tracking-table-max-keys":           {"--tracking-table-max-keys", "1"},
	} {
		t.Run(name, func(t *testing.T) {
			server := redistest.Start(t, args...)
			options := &redis.Options{Addr: server.Addr(), MaxRetries: -1}
			if name == "tracking-table-max-keys" {
				options.ClientSideCacheConfig = &redis.ClientSideCacheConfig{}
			}
			client := redis.NewClient(options)
			t.Cleanup(func() { client.Close() })
			b := &bench{TB: t, server: server, Store: open(t, client)}
			w := watch(b, "")
			w.expect(t, synced, 0)
			tokens := b.fillUp(300, bytes.Repeat([]byte("v"), 4000))
			for key, token := range b.fillUp(20, bytes.Repeat([]byte("v"), store.MaxValue)) {
				tokens[key] = token
			}
			b.renewAll(tokens, nil)
			b.renewAll(tokens, bytes.Repeat([]byte("w"), 4000))
			eventually(t, "every record is listed", func() bool { return len(b.list("")) == len(tokens) }) // index entries may be late
			b.deleteAll(tokens)
			b.hold("last")
			eventually(t, "the watch tells of each change", func() bool { return w.agrees(b, "") })
		})
	}
}

func TestConnectionsThatTheServerFoundIdleAreNotUsed(t *testing.T) {
	full.Only(t)
	t.Parallel()
	b := start(t, "--timeout", "3")
	token := b.hold("key").Token
	admin := b.server.Client()
	eventually(t, "the server closes idle connections", func() bool {
		list, err := admin.Do(t.Context(), "client", "list").Text()
		return err == nil && strings.Count(list, "\n") == 1 // the one that asks
	})
	want(t, "renew", b.renew(store.Renewal{Key: "key", Token: token}).Err, nil)
	want(t, "delete", b.Delete(t.Context(), "key", store.ByToken(token)), nil)
}

// A user that may not read the limits learns of them from a value that does not fit. It costs its
// own call alone.
func TestLimitsThatCannotBeReadCostOnlyTheValuesThatDoNotFit(t *testing.T) {
	t.Parallel()
	huge := claim("huge")
	huge.Value = bytes.Repeat([]byte("v"), store.MaxValue)
	for name, args := range map[string][]string{
		"client-query-buffer-limit":  {"--client-query-buffer-limit", "1mb"},
		"client-output-buffer-limit": {"--client-output-buffer-limit", "normal 1mb 0 0"},
		"maxmemory-clients":          {"--maxmemory-clients", "1mb"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := redistest.Start(t, args...)
			b := &bench{TB: t, server: server, plain: server.Client()}
			b.do("ACL", "SETUSER", "default", "-config")
			b.Store = open(t, b.plain)
			tokens := b.fillUp(300, []byte("v"))
			var calls sync.WaitGroup
			calls.Go(func() {
				_, err := b.Create(t.Context(), huge)
				if err == nil { // so that the answer does not fit
					_, err = b.Get(t.Context(), huge.Key)
				}
				if err == nil || !strings.Contains(err.Error(), name) {
					t.Errorf("the limit is not named: %v", err)
				}
			})
			for range 10 {
				b.renewAll(tokens, nil)
			}
			calls.Wait()
			b.renewAll(tokens, bytes.Repeat([]byte("w"), 2000))
			eventually(t, "every record is listed", func() bool { return len(b.list("key")) == len(tokens) }) // index entries may be late
		})
	}
}

// A client can read slowly, and its answers then wait in the server.
func TestManyLargeAnswersAtOnceFitIntoTheSmallestLimit(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t, "--client-output-buffer-limit", "normal 2mb 0 0")
	client := redis.NewClient(&redis.Options{Addr: server.Addr(), MaxRetries: -1, Dialer: func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := new(net.Dialer).DialContext(ctx, network, address)
		return slowLine{conn}, err
	}})
	t.Cleanup(func() { client.Close() })
	b := &bench{TB: t, server: server, Store: open(t, client)}
	tokens := b.fillUp(20, bytes.Repeat([]byte("v"), store.MaxValue))
	var calls sync.WaitGroup
	for key := range tokens {
		for range 3 {
			calls.Go(func() {
				var r store.Record
				err := b.answered(func() (err error) {
					r, err = b.Get(t.Context(), key)
					return err
				})
				if err != nil || len(r.Value) != store.MaxValue {
					t.Errorf("%d bytes, %v", len(r.Value), err)
				}
			})
		}
	}
	calls.Wait()
}

// slowLine is a connection that is read 64 KiB in a few milliseconds.
type slowLine struct{ net.Conn }

func (s slowLine) Read(buffer []byte) (int, error) {
	n, err := s.Conn.Read(buffer[:min(len(buffer), 64<<10)])
	if n > 32<<10 {
		time.Sleep(2 * time.Millisecond)
	}
	return n, err
}

// fillUp creates records, several at once.
func (b *bench) fillUp(n int, value []byte) map[string]store.Token {
	b.Helper()
	var mu sync.Mutex
	var calls sync.WaitGroup
	tokens := make(map[string]store.Token)
	for i := range n {
		calls.Go(func() {
			c := claim(fmt.Sprintf("key:%d:%d", len(value), i))
			c.Value = value
			var grant store.Grant
			err := b.answered(func() (err error) {
				grant, err = b.Create(b.Context(), c)
				return err
			})
			if err != nil {
				b.Errorf("create of %q: %v", c.Key, err)
			}
			mu.Lock()
			defer mu.Unlock()
			tokens[c.Key] = grant.Token
		})
	}
	calls.Wait()
	return tokens
}

// answered repeats a call that a loaded machine has left without an answer, but for one whose
// connection the server has closed.
func (b *bench) answered(call func() error) error {
	b.Helper()
	var last error
	eventually(b, "a call is answered", func() bool {
		last = call()
		passes := errors.Is(last, store.ErrUnavailable) || errors.Is(last, store.ErrInDoubt)
		return !passes || wasClosed(last)
	})
	return last
}

// wasClosed reports whether the server has closed the connection of a call.
func wasClosed(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}

// renewAll renews records, with a value unless it is nil.
func (b *bench) renewAll(tokens map[string]store.Token, value []byte) {
	b.Helper()
	var batch []store.Renewal
	for key, token := range tokens {
		r := store.Renewal{Key: key, Token: token}
		if value != nil {
			r.Value, r.Seq = value, 1
		}
		batch = append(batch, r)
	}
	for i, r := range b.Renew(b.Context(), batch) {
		err := r.Err
		if err != nil && !wasClosed(err) {
			err = b.answered(func() error { return b.renew(batch[i]).Err })
		}
		want(b, "renew of "+batch[i].Key, err, nil)
	}
}

func (b *bench) deleteAll(tokens map[string]store.Token) {
	b.Helper()
	var batch []store.Deletion
	for key, token := range tokens {
		batch = append(batch, store.Deletion{Key: key, Ref: store.ByToken(token)})
	}
	for i, err := range b.DeleteBatch(b.Context(), batch) {
		if err != nil && !wasClosed(err) {
			err = b.answered(func() error { return b.Delete(b.Context(), batch[i].Key, batch[i].Ref) })
		}
		want(b, "delete of "+batch[i].Key, err, nil)
	}
}
