package redisstore_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/leasehold-go/leasehold/internal/full"
	"github.com/leasehold-go/leasehold/store"
	redisstore "github.com/leasehold-go/leasehold/store/redis"
)

// verbs calls each verb on a key and returns its error.
var verbs = map[string]struct {
	writes bool
	call   func(context.Context, *redisstore.Store, store.Token) error
}{
	"create": {true, func(ctx context.Context, st *redisstore.Store, _ store.Token) error {
		_, err := st.Create(ctx, claim("new"))
		return err
	}},
	"renew": {true, func(ctx context.Context, st *redisstore.Store, token store.Token) error {
		return st.Renew(ctx, []store.Renewal{{Key: "key", Token: token}})[0].Err
	}},
	"renew two": {true, func(ctx context.Context, st *redisstore.Store, token store.Token) error {
		w := store.Renewal{Key: "key", Token: token}
		answers := st.Renew(ctx, []store.Renewal{w, w})
		return errors.Join(answers[0].Err, answers[1].Err)
	}},
	"update": {true, func(ctx context.Context, st *redisstore.Store, token store.Token) error {
		return st.Update(ctx, store.Update{Key: "key", Token: token, Seq: 1, Value: []byte("second")})
	}},
	"delete": {true, func(ctx context.Context, st *redisstore.Store, token store.Token) error {
		return st.Delete(ctx, "key", store.ByToken(token))
	}},
	"get": {false, func(ctx context.Context, st *redisstore.Store, _ store.Token) error {
		_, err := st.Get(ctx, "key")
		return err
	}},
	"list": {false, func(ctx context.Context, st *redisstore.Store, _ store.Token) error {
		for _, err := range st.List(ctx, "") {
			if err != nil {
				return err
			}
		}
		return nil
	}},
	"watch": {false, func(ctx context.Context, st *redisstore.Store, _ store.Token) error {
		for e, err := range st.Watch(ctx, "") {
			if err != nil || e.Kind == store.EventSynced {
				return err
			}
		}
		return nil
	}},
}

func TestUnreachableServer(t *testing.T) {
	full.Only(t)
	t.Parallel()
	b := start(t)
	token := b.hold("key").Token
	b.server.Stop()
	for name, verb := range verbs {
		err := verb.call(t.Context(), b.Store, token)
		want(t, name, err, store.ErrUnavailable)
		if errors.Is(err, store.ErrInDoubt) {
			t.Errorf("%s: %v, but nothing was sent", name, err)
		}
	}
}

func TestContextEndedBefore(t *testing.T) {
	t.Parallel()
	b := start(t)
	token := b.hold("key").Token
	cause := errors.New("the cause")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(cause)
	for name, verb := range verbs {
		err := verb.call(ctx, b.Store, token)
		want(t, name, err, cause)
		if name != "watch" { // ends with the cause alone
			want(t, name, err, store.ErrUnavailable)
		}
	}
	if got := b.value("new"); got != "" {
		t.Errorf("create sent %q", got)
	}
}

// The server accepts and does not answer. go-redis alone would wait for its read
// timeout, several times.
func TestSilentServer(t *testing.T) {
	t.Parallel()
	for name, verb := range verbs {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := start(t)
			b.Store = open(t, patient(t, b.server))
			token := b.hold("key").Token
			b.server.Pause()
			cause := errors.New("the cause")
			ctx, cancel := context.WithTimeoutCause(t.Context(), time.Second, cause)
			defer cancel()
			start := time.Now()
			err := verb.call(ctx, b.Store, token)
			if took := time.Since(start); took > prompt {
				t.Errorf("it took %v after its context had ended at 1s", took)
			}
			want(t, name, err, cause)
			if verb.writes {
				want(t, name, err, store.ErrInDoubt)
			} else if name != "watch" {
				want(t, name, err, store.ErrUnavailable)
			}
			b.server.Resume()
		})
	}
}

// The server does what it is asked, the reply is lost. The control shows what
// go-redis does otherwise, and does with reads.
func TestWritesAreSentOnce(t *testing.T) {
	t.Parallel()
	b := start(t)
	control := proxyTo(t, b.server.Addr(), "incr")
	control.lose.Store(true)
	control.client(t).Incr(t.Context(), "n")
	if n := b.do("GET", "n"); n == "1" || control.count.Load() < 2 {
		t.Fatalf("the control was sent %d times and counted %v", control.count.Load(), n)
	}

	for name, verb := range verbs {
		t.Run(name, func(t *testing.T) {
			b := start(t)
			p := proxyTo(t, b.server.Addr(), "evalsha")
			st := open(t, p.client(t))
			token := b.hold("key").Token
			p.count.Store(0)
			p.lose.Store(true)
			err := verb.call(t.Context(), st, token)
			sent := p.count.Load()
			if !verb.writes {
				want(t, name, err, store.ErrUnavailable)
			} else if want(t, name, err, store.ErrInDoubt); sent != 1 {
				t.Errorf("sent %d times", sent)
			}
		})
	}
}

// A connection that broke is no trouble for who reads.
func TestReadsSurviveACut(t *testing.T) {
	t.Parallel()
	b := start(t)
	b.hold("key")
	for _, name := range []string{"get", "list", "watch"} {
		for range 10 {
			b.do("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
			b.do("CLIENT", "KILL", "TYPE", "pubsub")
			want(t, name, verbs[name].call(t.Context(), b.Store, 0), nil)
		}
	}
}

func TestCreateInDoubtIsSettledByItsRepeat(t *testing.T) {
	t.Parallel()
	b := start(t)
	p := proxyTo(t, b.server.Addr(), "evalsha")
	st := open(t, p.client(t))
	c := claim("key")
	p.lose.Store(true)
	_, err := st.Create(t.Context(), c)
	want(t, "create", err, store.ErrInDoubt)
	p.lose.Store(false)
	eventually(t, "the lost create arrives", func() bool { return b.value("key") == "first" })
	grant, err := st.Create(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	want(t, "renew", b.renew(store.Renewal{Key: "key", Token: grant.Token}).Err, nil)
}

func TestNoFreeConnection(t *testing.T) {
	t.Parallel()
	b := start(t)
	client := redis.NewClient(&redis.Options{Addr: b.server.Addr(), PoolSize: 1, PipelinePoolSize: 1, PoolTimeout: 10 * time.Millisecond})
	t.Cleanup(func() { client.Close() })
	st := open(t, client)
	begun := make(chan struct{})
	var pipeline sync.WaitGroup
	defer pipeline.Wait()
	defer b.do("LPUSH", "list", "element")
	pipeline.Go(func() { // a client has connections of their own for pipelines
		close(begun)
		pipe := client.Pipeline()
		pipe.BLPop(context.Background(), prompt, "list")
		pipe.Exec(context.Background())
	})
	<-begun
	eventually(t, "the pipeline waits", func() bool { return strings.Contains(b.do("CLIENT", "LIST").(string), "cmd=blpop") })
	conn := client.Conn()
	defer conn.Close()
	if err := conn.Ping(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
	_, err := st.Create(t.Context(), claim("key"))
	want(t, "create", err, store.ErrUnavailable)
	want(t, "create", err, redis.ErrPoolTimeout)
}

// What a server says that did nothing leaves no doubt, and changes nothing.
func TestRefusalsLeaveNoDoubt(t *testing.T) {
	t.Parallel()
	for name, refuse := range map[string]func(*bench){
		"replica":       func(b *bench) { b.do("REPLICAOF", "127.0.0.1", "1") },
		"out of memory": func(b *bench) { b.do("CONFIG", "SET", "maxmemory", "1") },
		"no rights": func(b *bench) {
			b.do("ACL", "SETUSER", "default", "-@all", "+get", "+acl", "+info", "+dbsize", "+keys")
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := start(t)
			token := b.hold("key").Token
			refuse(b)
			for _, verb := range []string{"create", "update"} {
				err := verbs[verb].call(t.Context(), b.Store, token)
				want(t, verb, err, store.ErrUnavailable)
				if errors.Is(err, store.ErrInDoubt) {
					t.Errorf("%s is in doubt", verb)
				}
			}
			if got := b.value("key") + b.value("new"); got != "first" {
				t.Errorf("values %q", got)
			}
		})
	}
}

// A script that breaks off in the middle has done something.
func TestBrokenScriptIsInDoubt(t *testing.T) {
	t.Parallel()
	b := start(t)
	token := b.hold("key").Token
	b.do("ACL", "SETUSER", "default", "-set")
	renewed := b.renew(store.Renewal{Key: "key", Token: token, Seq: 1, Value: []byte("second")})
	want(t, "renew", renewed.Err, store.ErrInDoubt)
}

func TestCloseWaitsForAbandonedCalls(t *testing.T) {
	t.Parallel()
	b := start(t)
	b.server.Pause()
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	_, err := b.Create(ctx, claim("key"))
	want(t, "create", err, store.ErrInDoubt)
	closed := make(chan struct{})
	go func() { b.Close(); close(closed) }()
	select {
	case <-closed:
		t.Error("closed while a call was in flight")
	case <-time.After(100 * time.Millisecond):
	}
	b.server.Resume()
	<-closed
	if got := b.value("key"); got != "first" {
		t.Errorf("value %q: the abandoned create did not arrive", got)
	}
}

func TestScriptsAreLoadedAgain(t *testing.T) {
	t.Parallel()
	b := start(t)
	for name, verb := range verbs {
		token := b.hold("key").Token
		b.do("SCRIPT", "FLUSH")
		if err := verb.call(t.Context(), b.Store, token); err != nil {
			t.Errorf("%s after SCRIPT FLUSH: %v", name, err)
		}
		b.do("FLUSHALL")
	}
}

// Half of a pipeline finds its script, the other half does not.
func TestScriptsAreLoadedWithinAPipeline(t *testing.T) {
	t.Parallel()
	b := start(t)
	p := proxyTo(t, b.server.Addr(), "eval")
	st := open(t, p.client(t))
	var batch []store.Renewal
	for i := range 50 {
		key := fmt.Sprintf("key:%d", i)
		batch = append(batch, store.Renewal{Key: key, Token: b.hold(key).Token, Seq: 1, Value: []byte("second")})
	}
	p.count.Store(0)
	b.do("SCRIPT", "FLUSH")
	for _, answer := range st.Renew(t.Context(), batch) {
		want(t, "renew", answer.Err, nil)
	}
	if got := p.count.Load(); got != 4 {
		t.Errorf("%d texts sent, want those of the 4 calls that were not known", got)
	}
	for _, w := range batch {
		if got := b.value(w.Key); got != "second" {
			t.Errorf("%s: %q", w.Key, got)
		}
	}
}
