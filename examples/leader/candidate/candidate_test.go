package candidate

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/leasehold-go/leasehold/examples/internal/fleet"
	"github.com/leasehold-go/leasehold/internal/built"
	"github.com/leasehold-go/leasehold/internal/full"
	"github.com/leasehold-go/leasehold/internal/redistest"
	"github.com/leasehold-go/leasehold/internal/teststore"
	"github.com/leasehold-go/leasehold/lease"
	"github.com/leasehold-go/leasehold/store"
)

func TestMain(m *testing.M) {
	slog.SetDefault(slog.New(slog.DiscardHandler)) // restarts are logged
	built.Main(m)
}

// One of five leads at a time, for hours: terms end, and now and then a leader does not reach the
// store, stops by its own clock, and stands again.
func TestOneLeadsAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := teststore.New()
		ctx, stop := context.WithTimeout(t.Context(), 8*time.Hour)
		defer stop()
		leading, terms, losses := make(chan struct{}, 1), 0, 0 // terms and losses belong to the leader
		last := store.Token(0)
		lead := func(ctx context.Context, token store.Token) error {
			select {
			case leading <- struct{}{}:
			default:
				t.Error("two lead")
				return errors.New("two lead")
			}
			defer func() { <-leading }()
			if token <= last {
				t.Errorf("token %d after %d", token, last)
			}
			last = token
			if terms++; terms%7 == 0 {
				losses++
				st.Inject(teststore.Silence, teststore.Renew)
				defer st.Inject(nil, teststore.Renew)
				<-ctx.Done()
				if lost := new(lease.LostError); !errors.As(context.Cause(ctx), &lost) {
					t.Errorf("the leader ended with %v", context.Cause(ctx))
				}
				return ctx.Err()
			}
			select {
			case <-ctx.Done():
			case <-time.After(5 * time.Minute):
			}
			return ctx.Err()
		}
		ended := make(chan error, 5)
		for i := range cap(ended) {
			k, err := lease.NewKeeper(st, lease.Config{})
			if err != nil {
				t.Fatal(err)
			}
			defer k.Close(t.Context())
			go func() {
				for ctx.Err() == nil {
					if err := Stand(ctx, k, "leader", fmt.Sprint(i), lead); err != nil {
						ended <- err
						return
					}
				}
				ended <- nil
			}()
		}
		for range cap(ended) {
			if err := <-ended; err != nil {
				t.Error(err)
			}
		}
		if terms < 50 || losses < 5 {
			t.Errorf("%d terms, %d losses", terms, losses)
		}
	})
}

// Of three processes on a Redis one leads. When it is killed another does, and when it is paused too:
// resumed, it says at once that it no longer leads.
func TestAProcessSucceedsTheKilledAndThePaused(t *testing.T) {
	full.Only(t)
	f := fleet.New(t, built.Racing(t, "examples/leader/servers"),
		"-store", redistest.Start(t).URL(), "-candidates", "1", "-term", "1h", "-ttl", "6s")
	processes := make(map[string]*fleet.Process)
	for range 3 {
		p := f.Start()
		processes[fmt.Sprintf("candidate-%d.1", p.ID())] = p
	}
	last := 0
	next := func() string {
		t.Helper()
		begun := f.Expect(`^(\S+) leads with token (\d+)$`)
		if token, err := strconv.Atoi(begun[1]); err != nil || token <= last {
			t.Errorf("token %s after %d, %v", begun[1], last, err)
		} else {
			last = token
		}
		return begun[0]
	}
	killed := next()
	processes[killed].Kill()
	paused := next()
	if err := processes[paused].Pause(); err != nil {
		t.Fatal(err)
	}
	leader := next()
	if err := processes[paused].Resume(); err != nil {
		t.Fatal(err)
	}
	f.Expect("^" + paused + " no longer leads$")
	processes[leader].Stop()
	if again := next(); again != paused {
		t.Errorf("%s leads, not %s", again, paused)
	}
	processes[paused].Stop()
}
