package network_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/leasehold-go/leasehold/e2e/backends"
	"github.com/leasehold-go/leasehold/e2e/network"
	"github.com/leasehold-go/leasehold/internal/full"
	"github.com/leasehold-go/leasehold/store"
	redisstore "github.com/leasehold-go/leasehold/store/redis"
)

// A client may have no timeouts of its own: -1 waits for ever, -2 sets no deadlines at all.
func TestAClientWithoutTimeoutsRecoversFromADarkConnection(t *testing.T) {
	full.Only(t)
	for name, timeout := range map[string]time.Duration{"no timeout": -1, "no deadlines": -2} {
		t.Run(name, func(t *testing.T) {
			backends.Apart(t, slices.Values([]string{"redis"}), func(t *testing.T, name string, servers *backends.Place) {
				l := connect(t, name, servers)
				client := redis.NewClient(&redis.Options{
					Addr: l.Addr(), ReadTimeout: timeout, WriteTimeout: timeout, MaxRetries: -1,
				})
				t.Cleanup(func() { client.Close() })
				st, err := redisstore.New(t.Context(), client)
				if err != nil {
					t.Fatal(err)
				}
				held := l.create(st, claim("mine", time.Hour))
				renew := func() error { return st.Renew(t.Context(), []store.Renewal{{Key: key, Token: held.Token}})[0].Err }
				create := func() error { _, err := st.Create(t.Context(), claim("other", time.Hour)); return err }

				l.Freeze(network.ToServer, network.ToClient)
				for range 2 { // the second time over a new connection
					for verb, call := range map[string]func() error{"renew": renew, "create": create} {
						if err := l.ends(verb, call); !errors.Is(err, store.ErrInDoubt) && !errors.Is(err, store.ErrUnavailable) {
							t.Errorf("%s on a dark connection: %v", verb, err)
						}
					}
				}
				l.Heal()
				l.eventually("a renew succeeds", func() bool { return renew() == nil })

				l.Freeze(network.ToServer, network.ToClient)
				ctx, cancel := context.WithCancel(t.Context())
				watched := make(chan struct{})
				go func() {
					defer close(watched)
					for range st.WatchKey(ctx, key) {
					}
				}()
				go renew()
				time.Sleep(time.Second) // for the watch to begin a connection
				if err := l.ends("close", st.Close); err != nil {
					t.Errorf("close: %v", err)
				}
				cancel()
				<-watched
			})
		})
	}
}

// ends returns the error of a call, which must come to an end without a context's.
func (l *line) ends(what string, call func() error) error {
	l.Helper()
	began := time.Now()
	defer func() { l.Logf("%s ended after %v", what, time.Since(began)) }()
	done := make(chan error, 1)
	go func() { done <- call() }()
	select {
	case err := <-done:
		return err
	case <-time.After(patience):
		l.Fatalf("%s has not ended within %v", what, patience)
		return nil
	}
}
