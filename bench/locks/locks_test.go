package locks

import (
	"bytes"
	"context"
	"io"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/logging"
	"go.uber.org/goleak"

	"github.com/leasehold-go/leasehold/internal/figures"
	"github.com/leasehold-go/leasehold/internal/full"
)

func TestMain(m *testing.M) {
	redis.SetLogger(&logging.VoidLogger{})
	goleak.VerifyTestMain(m)
}

// tiny is a run in which every contender of every case has one short turn.
var tiny = Config{
	Rounds: 1, Turn: time.Millisecond, Callers: 4, Handovers: 3,
	Leases: 20, Heartbeat: 200 * time.Millisecond, Neighbours: 10, Watched: time.Second,
	Listeners: 3, Waiters: 3, Periods: 1, Soak: 500 * time.Millisecond, Cycles: 100, Comers: 50,
}

func TestEveryCaseReportsItsFigures(t *testing.T) {
	full.Only(t)
	var out, log bytes.Buffer
	if err := Run(t.Context(), t.TempDir(), tiny, regexp.MustCompile(""), &out, &log); err != nil {
		t.Fatalf("%v\n%s", err, log.Bytes())
	}
	r, err := figures.Parse(&out)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []figures.Series{
		{Bench: "Alone", Lib: "leasehold", Procs: 1, Unit: "µs/op"},
		{Bench: "Alone", Lib: "rueidislock", Procs: 1, Unit: "allocs/op"},
		{Bench: "Crowd", Lib: "leasehold-store", Procs: 1, Unit: "ops/s"},
		{Bench: "Crowd", Lib: "raw-piped", Procs: 1, Unit: "server-µs/op"},
		{Bench: "Renew", Lib: "by-hand", Procs: 1, Unit: "ops/s"},
		{Bench: "Handover", Lib: "redsync", Procs: 1, Unit: "ms/op"},
		{Bench: "Handover/pooled", Lib: "leasehold", Procs: 1, Unit: "p99/p50"},
		{Bench: "Neighbours", Lib: "leasehold", Procs: 1, Unit: "commands"},
		{Bench: "Listeners/many", Lib: "by-hand", Procs: 1, Unit: "server-µs/op"},
		{Bench: "Fleet", Lib: "leasehold", Procs: 1, Unit: "B/lease"},
		{Bench: "Fleet", Lib: "by-hand", Procs: 1, Unit: "close-ms"},
		{Bench: "Soak", Lib: "leasehold", Procs: 1, Unit: "lost"},
		{Bench: "Flat/cycles", Lib: "leasehold", Procs: 1, Unit: "goroutines-left"},
		{Bench: "Flat/waiters", Lib: "leasehold", Procs: 1, Unit: "B-left/op"},
		{Bench: "EtcdCrowd", Lib: "mutex", Procs: 1, Unit: "ops/s"},
		{Bench: "EtcdHandover", Lib: "by-hand", Procs: 1, Unit: "ms/op"},
		{Bench: "EtcdQueue", Lib: "leasehold", Procs: 1, Unit: "requests/op"},
	} {
		if n := len(r.Figures[want]); n != 1 {
			t.Errorf("%d figures of %+v, want 1", n, want)
		}
	}
}

func TestAnUnknownCaseStartsNothing(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	var out bytes.Buffer
	if err := Run(ctx, t.TempDir(), tiny, regexp.MustCompile("^none$"), &out, io.Discard); err == nil || out.Len() > 0 {
		t.Errorf("got %q and error %v, want an error alone", out.String(), err)
	}
}

func TestFirstTurnMovesOnEachRound(t *testing.T) {
	var got []int
	b := &bench{}
	if err := b.rounds(t.Context(), 2, 3, func(i int) error { got = append(got, i); return nil }); err != nil {
		t.Fatal(err)
	}
	for i, want := range []int{0, 1, 2, 1, 2, 0} {
		if i >= len(got) || got[i] != want {
			t.Fatalf("turns %v, want 0 1 2 and 1 2 0", got)
		}
	}
}

func TestReportIsReadBack(t *testing.T) {
	var out bytes.Buffer
	b := &bench{name: "Listeners", out: &out}
	if err := b.report("by-hand", "/many", 7, metric{1.5, "server-µs/op"}, metric{1e6, "ops/s"}); err != nil {
		t.Fatal(err)
	}
	r, err := figures.Parse(&out)
	if err != nil {
		t.Fatal(err)
	}
	got := r.Figures[figures.Series{Bench: "Listeners/many", Lib: "by-hand", Procs: 1, Unit: "ops/s"}]
	if len(got) != 1 || got[0] != 1e6 {
		t.Errorf("read %v, want 1e6", got)
	}
}

func TestQuantilesPoolAllHandovers(t *testing.T) {
	lasted := make([]float64, 101)
	for i := range lasted {
		lasted[i] = float64(100 - i)
	}
	got := quantiles(lasted)
	if got[0].value != 50 || got[1].value != 99 || got[2].value != 99.0/50 {
		t.Errorf("median, p99 and their ratio are %v, want 50, 99 and 1.98", got)
	}
}

func TestParseCPUAddsSystemAndUserTime(t *testing.T) {
	const info = "# CPU\r\nused_cpu_sys:1.250000\r\nused_cpu_user:0.500000\r\nused_cpu_sys_children:7.0\r\n"
	if got, err := parseCPU(info); err != nil || got != 1750*time.Millisecond {
		t.Errorf("got %v and error %v, want 1.75s", got, err)
	}
	if _, err := parseCPU("# CPU\r\nused_cpu_sys:1\r\n"); err == nil || !strings.Contains(err.Error(), "1 of the 2") {
		t.Errorf("a missing line gives error %v", err)
	}
}

func TestParseCallsLeavesOutCommands(t *testing.T) {
	const info = "# Commandstats\r\ncmdstat_ping:calls=40,usec=3\r\ncmdstat_get:calls=5,usec=3\r\ncmdstat_config|resetstat:calls=1,usec=3\r\ncmdstat_evalsha:calls=2,usec=3\r\n"
	if got, err := parseCalls(info, "ping", "config|resetstat"); err != nil || got != 7 {
		t.Errorf("got %d and error %v, want 7", got, err)
	}
}
