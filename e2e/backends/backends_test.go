package backends

import (
	"context"
	"errors"
	"io"
	"net"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/leasehold-go/leasehold/internal/built"
	"github.com/leasehold-go/leasehold/internal/full"
	"github.com/leasehold-go/leasehold/store"
)

func TestMain(m *testing.M) { built.Main(m) }

func TestACutEndsAConnectionAsAServerDoes(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	var cut lines
	conn, err := cut.dial(t.Context(), "tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	server, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	cut.Cut()
	for end, conn := range map[string]net.Conn{"client": conn, "server": server} {
		conn.SetDeadline(time.Now().Add(time.Minute))
		if _, err := conn.Read(make([]byte, 1)); err != io.EOF {
			t.Errorf("the %s reads %v", end, err)
		}
	}
}

// What a fault does not do, no test of what follows from it would notice.
func TestFaultsHappen(t *testing.T) {
	full.Only(t)
	Each(t, func(t *testing.T, g *Group) {
		p := g.Place(t)
		if p.Restart == nil {
			return
		}
		st := p.Open()
		claim := store.Claim{Key: "key", Value: []byte("value"), TTL: time.Hour, Nonce: store.NewNonce()}
		if _, err := st.Create(t.Context(), claim); err != nil {
			t.Fatal(err)
		}
		p.mu.Lock()
		connections := len(p.lines.open)
		p.mu.Unlock()
		if connections == 0 {
			t.Error("the store's connections cannot be cut")
		}
		p.Pause()
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		if _, err := st.Get(ctx, "key"); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("while paused: %v", err)
		}
		p.Resume()
		p.Restart()
		p.wantThere("after a restart", st, nil)
		p.RestartEmpty()
		p.wantThere("after a restart without data", st, store.ErrNotFound)
	})
}

// wantThere waits until the store answers.
func (p *Place) wantThere(when string, st store.Store, want error) {
	p.Helper()
	var err error
	for late := time.Now().Add(time.Minute); time.Now().Before(late); time.Sleep(10 * time.Millisecond) {
		if _, err = st.Get(p.Context(), "key"); !errors.Is(err, store.ErrUnavailable) {
			break
		}
	}
	if !errors.Is(err, want) {
		p.Errorf("%s: %v, want %v", when, err, want)
	}
}

func TestAPlaceHasNothingOfTheOneBefore(t *testing.T) {
	full.Only(t)
	Each(t, func(t *testing.T, g *Group) {
		for range 2 {
			t.Run("place", func(t *testing.T) {
				p := g.Place(t)
				st := p.Open()
				for r, err := range st.List(t.Context(), "") {
					t.Errorf("there is %+v, %v", r, err)
				}
				if p.Outsider != nil {
					p.Outsider.Put("foreign", []byte("value"), store.Forever)
				}
				claim := store.Claim{Key: "key", Value: []byte("value"), TTL: time.Hour, Nonce: store.NewNonce()}
				if _, err := st.Create(t.Context(), claim); err != nil {
					t.Error(err)
				}
			})
		}
	})
}

func TestPlacesAtTheSameTimeAreApart(t *testing.T) {
	full.Only(t)
	Each(t, func(t *testing.T, g *Group) {
		for _, p := range []*Place{g.Place(t), g.Place(t)} {
			claim := store.Claim{Key: "key", Value: []byte("value"), TTL: time.Hour, Nonce: store.NewNonce()}
			if _, err := p.Open().Create(t.Context(), claim); err != nil {
				t.Error(err)
			}
			if _, err := p.Open().Create(t.Context(), store.Claim{Key: "key", Value: []byte("value"), TTL: time.Hour, Nonce: store.NewNonce()}); !errors.Is(err, store.ErrHeld) {
				t.Errorf("two stores of one place are apart: %v", err)
			}
		}
	})
}

// failing is a test that has failed, and ends when it is told to.
type failing struct{ *running }

func (failing) Failed() bool { return true }

func TestServersOfAPartThatFailedAreStoppedAtItsEnd(t *testing.T) {
	Each(t, func(t *testing.T, g *Group) {
		part := failing{&running{TB: t}}
		address := g.Place(part).URL
		part.stop()
		if n := len(g.idle); n > 0 {
			t.Errorf("%d of the part's servers are for others to have", n)
		}
		servers, err := url.Parse(address)
		if err != nil {
			t.Fatal(err)
		}
		for addr := range strings.SplitSeq(servers.Host, ",") {
			if conn, err := net.Dial("tcp", addr); err == nil {
				conn.Close()
				t.Errorf("a server still listens at %s", addr)
			}
		}
	})
}

func TestServersAreStartedForWantOfIdleOnesAlone(t *testing.T) {
	Each(t, func(t *testing.T, g *Group) {
		var addresses []string
		for range 2 {
			t.Run("place", func(t *testing.T) { addresses = append(addresses, g.Place(t).URL) })
		}
		if addresses[0] != addresses[1] {
			t.Errorf("servers at %s are idle, and others are started at %s", addresses[0], addresses[1])
		}
	})
}
