package server_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/leasehold-go/leasehold/internal/full"
	"github.com/leasehold-go/leasehold/lease"
	"github.com/leasehold-go/leasehold/store"
	redisstore "github.com/leasehold-go/leasehold/store/redis"
)

// follow makes the server a replica of another.
func (s server) follow(master server) {
	s.t.Helper()
	host, port, _ := strings.Cut(master.Addr(), ":")
	s.do("REPLICAOF", host, port)
}

func (s server) info(field string) string {
	s.t.Helper()
	text, err := s.client.Info(s.t.Context()).Result()
	if err != nil {
		s.t.Fatal(err)
	}
	for line := range strings.Lines(text) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), ":"); ok && name == field {
			return value
		}
	}
	return ""
}

// replicated starts a server and a replica that follows it.
func replicated(t *testing.T) (master, replica server) {
	t.Helper()
	master = start(t, "--repl-diskless-sync-delay", "0")
	replica = start(t, "--repl-diskless-sync-delay", "0")
	replica.follow(master)
	eventually(t, "the replica follows", func() bool { return replica.info("master_link_status") == "up" })
	return master, replica
}

func TestAReplicaIsRefusedAtNew(t *testing.T) {
	t.Parallel()
	_, replica := replicated(t)
	_, err := redisstore.New(t.Context(), replica.Client())
	fault := new(redisstore.ServerError)
	if !errors.As(err, &fault) || fault.What != "role" || fault.Server != replica.Addr() || !strings.Contains(err.Error(), "master") {
		t.Errorf("got %v", err)
	}
}

// What a replica says of its own data is no word of the store.
func TestAMasterThatTurnsReplicaIsUnavailableAndThenALoss(t *testing.T) {
	full.Only(t)
	t.Parallel()
	master, replica := replicated(t)
	a := master.party(5*time.Second, 500*time.Millisecond)
	held := a.acquire("job", "a")
	a.renewed(held)
	eventually(t, "the replica has the record", func() bool { return replica.raw("job") != "" })
	replica.do("REPLICAOF", "NO", "ONE")
	turned := time.Now()
	master.follow(replica)
	if err := held.Update(t.Context(), []byte("b")); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("an update: %v", err)
	}
	_, err := a.Acquire(t.Context(), "new", []byte("a"))
	want(t, "acquire", err, store.ErrUnavailable)
	want(t, "delete", a.store.Delete(t.Context(), "job", store.ByToken(held.Token())), store.ErrUnavailable)
	expired(t, held)
	if after := time.Since(turned); after < 2*time.Second {
		t.Errorf("lost %v after the turn, with a ttl of 5s", after)
	}
	for _, b := range a.told() {
		late := errors.Is(b.Err, context.DeadlineExceeded) // on a busy machine
		if b.Err != nil && !late && !errors.Is(b.Err, store.ErrUnavailable) {
			t.Errorf("a renewal: %v", b.Err)
		}
	}
	eventually(t, "the record goes at the new master", func() bool { return replica.raw("job") == "" })
	later(t, replica.party(time.Hour, 0).acquire("job", "b"), held)
}

// A master that is not told of the promotion of its replica goes on taking writes, so that the holder
// there and the next holder at the promoted server both trust their leases. With
// min-replicas-to-write it takes none, and with WithReplicaAck it confirms none: the first lease
// ends before the second begins.
func TestAMasterThatIsCutOffKeepsItsHolderUnlessItNeedsReplicas(t *testing.T) {
	full.Only(t)
	for name, c := range map[string]struct {
		least string // min-replicas-to-write
		opts  []redisstore.Option
		two   bool
	}{
		"takes writes alone":              {"0", nil, true},
		"needs a replica":                 {"1", nil, false},
		"asks the replica for each write": {"0", []redisstore.Option{redisstore.WithReplicaAck(1, 500*time.Millisecond)}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			master, replica := replicated(t)
			a := master.party(10*time.Second, 500*time.Millisecond, c.opts...)
			held := a.acquire("job", "a")
			master.do("CONFIG", "SET", "min-replicas-to-write", c.least)
			eventually(t, "the replica has the record", func() bool { return replica.raw("job") != "" })
			replica.do("REPLICAOF", "NO", "ONE")
			successor := replica.party(time.Hour, 0).acquire("job", "b", lease.WithWait())
			if !c.two {
				if held.Valid() {
					t.Error("both are trusted")
				}
				return
			}
			a.renewed(held)
			if !held.Valid() || !successor.Valid() {
				t.Errorf("they are not both trusted: %v, %v", held.Err(), successor.Err())
			}
			later(t, successor, held)
		})
	}
}

func TestAReplicaThatTurnsBackInTimeLosesNothing(t *testing.T) {
	full.Only(t)
	t.Parallel()
	s := start(t)
	a := s.party(30*time.Second, 500*time.Millisecond)
	held := a.acquire("job", "a")
	s.do("REPLICAOF", "127.0.0.1", "1")
	eventually(t, "a renewal is refused", func() bool {
		beats := a.told()
		return len(beats) > 0 && errors.Is(beats[len(beats)-1].Err, store.ErrUnavailable)
	})
	if !held.Valid() {
		t.Errorf("lost early: %v", held.Err())
	}
	s.do("REPLICAOF", "NO", "ONE")
	a.renewed(held)
	if err := held.Update(t.Context(), []byte("b")); err != nil {
		t.Error(err)
	}
}
