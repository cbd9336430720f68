package schedule

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"
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

// history is what became of the ticks.
type history struct {
	mu               sync.Mutex
	begun, finished  map[time.Time]int
	running, overlap int
}

func newHistory() *history {
	return &history{begun: make(map[time.Time]int), finished: make(map[time.Time]int)}
}

// check checks the promise for the ticks up to the last that was finished.
func (h *history) check(t *testing.T, every time.Duration, atLeastOnce bool) {
	t.Helper()
	if len(h.finished) == 0 {
		t.Fatal("no tick was finished")
	}
	ticks := slices.SortedFunc(maps.Keys(h.begun), time.Time.Compare)
	last := slices.MaxFunc(slices.Collect(maps.Keys(h.finished)), time.Time.Compare)
	for tick := ticks[0]; atLeastOnce && !tick.After(last); tick = tick.Add(every) {
		if h.finished[tick] == 0 {
			t.Errorf("tick %v was never finished, and a later one was", tick)
		}
	}
	for _, tick := range ticks {
		if !atLeastOnce && h.begun[tick] > 1 {
			t.Errorf("tick %v was begun %d times", tick, h.begun[tick])
		}
		if !tick.Equal(tick.Truncate(every)) {
			t.Errorf("tick %v is none of those every %v", tick, every)
		}
	}
}

// For days, members of a fleet are told to end, lose their lease in the middle of a job, and get no
// answer to their writes. The promise holds in every case, jobs do not overlap, and a member that
// is told to end finishes its job first.
func TestPromiseInTrouble(t *testing.T) {
	full.Only(t)
	for _, atLeastOnce := range []bool{false, true} {
		t.Run("AtLeastOnce="+strconv.FormatBool(atLeastOnce), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { trouble(t, atLeastOnce) })
		})
	}
}

func trouble(t *testing.T, atLeastOnce bool) {
	const every, takes, ttl = time.Hour, 30 * time.Minute, 10 * time.Minute
	st, h := teststore.New(), newHistory()
	days, stop := context.WithTimeout(t.Context(), 3*24*time.Hour)
	defer stop()
	losses, cut := 0, 0
	member := func() {
		k, err := lease.NewKeeper(st, lease.Config{TTL: ttl, Heartbeat: ttl / 3})
		if err != nil {
			t.Error(err)
			return
		}
		defer k.Close(context.WithoutCancel(days))
		ctx, leave := context.WithCancel(days)
		defer leave()
		s := Schedule{Key: "job", Every: every, AtLeastOnce: atLeastOnce, Keeper: k}
		s.Job = func(job context.Context, tick time.Time, _ store.Token) error {
			h.mu.Lock()
			h.begun[tick]++
			if h.running++; h.running > 1 {
				h.overlap++
			}
			trouble := rand.N(8)
			h.mu.Unlock()
			switch trouble {
			case 0: // the store gets no more heartbeats
				st.Inject(teststore.Silence, teststore.Renew)
			case 1: // nor do answers come
				st.Inject(teststore.DropReply, teststore.Renew, teststore.Update)
			case 2:
				time.AfterFunc(time.Minute, leave)
			}
			defer func() {
				h.mu.Lock()
				defer h.mu.Unlock()
				h.running--
				if job.Err() == nil {
					h.finished[tick]++
				} else {
					losses++
				}
				if trouble == 2 && job.Err() != nil {
					cut++
				}
				time.AfterFunc(time.Minute, func() { st.Inject(nil, teststore.Renew, teststore.Update) })
			}()
			select {
			case <-time.After(takes):
			case <-job.Done():
				return context.Cause(job)
			}
			return nil
		}
		if err := s.Run(ctx); err != nil && !errors.Is(err, store.ErrUnavailable) && !errors.Is(err, store.ErrInDoubt) && !errors.Is(err, store.ErrLost) {
			t.Error(err)
		}
	}
	var fleet sync.WaitGroup
	for range 3 {
		fleet.Go(func() {
			for days.Err() == nil {
				member()
			}
		})
	}
	fleet.Wait()
	h.check(t, every, atLeastOnce)
	if h.overlap > 0 || cut > 0 || losses == 0 {
		t.Errorf("%d jobs overlapped another, %d were not finished by a member that was told to end, %d lost their lease", h.overlap, cut, losses)
	}
	t.Logf("%d ticks, %d finished, %d losses", len(h.begun), len(h.finished), losses)
}

// Of three processes on a Redis, the one that runs the job is killed in the middle, four times. The
// others go on and the promise holds.
func TestPromiseWhenHoldersAreKilled(t *testing.T) {
	full.Only(t)
	for mode, atLeastOnce := range map[string]bool{"-at-least-once=false": false, "-at-least-once": true} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			const every = time.Second
			f := fleet.New(t, built.Racing(t, "examples/cron/servers"), mode, "-store", redistest.Start(t).URL(),
				"-every", every.String(), "-takes", "500ms", "-ttl", "4s", "-members", "1", "-ticks", "0")
			live := make(map[string]*fleet.Process)
			start := func() {
				p := f.Start()
				live["member-"+strconv.Itoa(p.ID())+".1"] = p
			}
			for range 3 {
				start()
			}
			for range 4 {
				f.Expect(" finishes tick ")
				holder := ""
				for live[holder] == nil { // a line of a process that was killed can still come
					holder = f.Expect(`^(\S+) begins tick `)[0]
				}
				live[holder].Kill()
				delete(live, holder)
				start()
			}
			f.Expect(" finishes tick ")
			for _, p := range live {
				p.Stop()
			}
			h := newHistory()
			for _, line := range f.Rest() {
				words := strings.Fields(line) // member, verb, "tick", the tick, "token", the token
				tick, err := time.Parse(time.RFC3339Nano, words[3])
				if err != nil {
					t.Fatal(err)
				}
				switch words[1] {
				case "begins":
					h.begun[tick]++
				case "finishes":
					h.finished[tick]++
				}
			}
			h.check(t, every, atLeastOnce)
			t.Logf("%d ticks, %d finished", len(h.begun), len(h.finished))
		})
	}
}
