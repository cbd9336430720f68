package server_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/leasehold-go/leasehold/e2e/backends"
	"github.com/leasehold-go/leasehold/internal/full"
	"github.com/leasehold-go/leasehold/store"
	redisstore "github.com/leasehold-go/leasehold/store/redis"
)

func (s server) as(user, password string) *redis.Client {
	c := redis.NewClient(&redis.Options{Addr: s.Addr(), Username: user, Password: password})
	s.t.Cleanup(func() { c.Close() })
	return c
}

func TestAWrongPasswordIsRefusedAtNew(t *testing.T) {
	t.Parallel()
	s := start(t)
	s.do("ACL", "SETUSER", "worker", "on", ">right", "~*", "&*", "+@all")
	_, err := redisstore.New(t.Context(), s.as("worker", "wrong-1234"))
	if !errors.Is(err, store.ErrUnavailable) || !redis.IsAuthError(err) || !strings.Contains(err.Error(), "password") {
		t.Errorf("got %v", err)
	}
	if err != nil && strings.Contains(err.Error(), "wrong-1234") {
		t.Errorf("the error tells the password: %v", err)
	}
	s.partyOf(s.as("worker", "right"), time.Second, 0).acquire("job", "a")
}

func TestAPasswordThatChangesUnderAKeeper(t *testing.T) {
	full.Only(t)
	t.Parallel()
	s := start(t)
	s.do("ACL", "SETUSER", "worker", "on", ">right", "~*", "&*", "+@all")
	patient := s.partyOf(s.as("worker", "right"), 30*time.Second, 500*time.Millisecond)
	hasty := s.partyOf(s.as("worker", "right"), 2*time.Second, 500*time.Millisecond)
	kept, gone := patient.acquire("kept", "a"), hasty.acquire("gone", "a")

	s.do("ACL", "SETUSER", "worker", "resetpass", ">other")
	s.do("CLIENT", "KILL", "USER", "worker")
	expired(t, gone)
	_, err := patient.Acquire(t.Context(), "new", []byte("a"))
	want(t, "acquire", err, store.ErrUnavailable)
	if !kept.Valid() {
		t.Errorf("lost early: %v", kept.Err())
	}
	s.do("ACL", "SETUSER", "worker", "resetpass", ">right")
	patient.renewed(kept)
	eventually(t, "the record goes", func() bool { return s.raw("gone") == "" })
	later(t, hasty.acquire("gone", "b"), gone)
}

func TestAUserWithItsPrefixAloneAndNoChannel(t *testing.T) {
	full.Only(t)
	t.Parallel()
	const ttl = 6 * time.Second
	s := start(t)
	args := []any{"ACL", "SETUSER", "app", "on", ">secret"}
	for _, right := range backends.RedisRights(t) {
		args = append(args, right)
	}
	s.do(args...)
	a := s.partyOf(s.as("app", "secret"), ttl, time.Second)
	b := s.partyOf(s.as("app", "secret"), ttl, time.Second)
	s.do("ACL", "SETUSER", "app", "resetchannels") // as an operator may by mistake
	told := b.watch("app:")

	held := a.acquire("app:job", "a")
	if err := held.Update(t.Context(), []byte("a2")); err != nil {
		t.Error(err)
	}
	a.renewed(held)
	told.agrees(b, "app:", "app:job")
	if err := b.store.WatchErr(); !redis.IsPermissionError(err) {
		t.Errorf("the watch error is %v", err)
	}
	waiting := b.await("app:job", "b")
	if err := held.Release(t.Context()); err != nil {
		t.Fatal(err)
	}
	later(t, waiting.taken(), held)
	told.agrees(b, "app:", "app:job")

	_, err := a.Acquire(t.Context(), "other:job", []byte("a"))
	want(t, "acquire beyond the rights", err, store.ErrUnavailable)
	if s.raw("other:job") != "" || s.fenceName("other:job") != "" {
		t.Error("a create that was refused left something")
	}
	for name, acl := range map[string]string{"command": "-pexpire", "prefix": "resetkeys"} {
		s.do("ACL", "SETUSER", "app", acl)
		if _, err := redisstore.New(t.Context(), s.as("app", "secret")); err == nil || !strings.Contains(err.Error(), "right") {
			t.Errorf("without its %s: %v", name, err)
		}
	}
}
