// Locks runs the benchmarks of leases beside other locks, or reads a run, and compares
// leasehold with the targets.
//
//	go run ./cmd/locks                          # run and print; about fifteen minutes
//	go run ./cmd/locks -quick                   # a minute, to see that it works
//	go run ./cmd/locks -run 'Alone|Crowd'       # some cases
//	go run ./cmd/locks -write                   # and renew locks-results.txt, the page and the plot
//	go run ./cmd/locks -from locks-results.txt  # read instead of run
//
// It runs in the directory of the module bench/locks and needs redis-server.
package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"regexp"
	"runtime"
	"strings"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/logging"

	"github.com/leasehold-go/leasehold/bench/locks"
	"github.com/leasehold-go/leasehold/internal/figures"
)

// resultsFile, page and picture are the files that -write renews.
const (
	resultsFile = "locks-results.txt"
	page        = "../../docs/benchmarks.md"
	picture     = "../../docs/locks.svg"
)

// peers are recorded with their versions.
var peers = []string{
	"github.com/redis/go-redis/v9", "github.com/bsm/redislock", "github.com/go-redsync/redsync/v4",
	"github.com/redis/rueidis", "go.etcd.io/etcd/client/v3",
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	redis.SetLogger(&logging.VoidLogger{}) // its troubles come back as errors
	if err := run(ctx, os.Args[1:], os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "locks:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	flags := flag.NewFlagSet("locks", flag.ContinueOnError)
	flags.SetOutput(stderr)
	quick := flags.Bool("quick", false, "a small run, whose figures are too few for the targets")
	match := flags.String("run", "", "run the cases whose names match this regular expression")
	from := flags.String("from", "", "read this output of a run instead of running")
	write := flags.Bool("write", false, "renew "+resultsFile+", and the page and plot in docs")
	rounds := flags.Int("rounds", 0, "turns of each contender; 20, or 3 with -quick, if zero")
	leases := flags.Int("leases", 0, "leases of the fleet and the soak; 100000, or 2000 with -quick, if zero")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	pattern, err := regexp.Compile(*match)
	if err != nil {
		return fmt.Errorf("-run: %w", err)
	}
	if *write && (*quick || *match != "") {
		return errors.New("-write publishes a full run: leave out -quick and -run")
	}
	cfg := locks.Full()
	if *quick {
		cfg = locks.Quick()
	}
	if *rounds > 0 {
		cfg.Rounds = *rounds
	}
	if *leases > 0 {
		cfg.Leases = *leases
	}

	var raw []byte
	var failed error // a case failed; the others have figures
	if *from != "" {
		raw, err = os.ReadFile(*from)
	} else {
		raw, failed, err = measure(ctx, cfg, pattern, stderr)
	}
	if err != nil {
		return err
	}
	r, err := figures.Parse(bytes.NewReader(raw))
	if err != nil {
		return errors.Join(failed, err)
	}
	if _, err := fmt.Fprintln(stdout, report(r)); err != nil || failed != nil {
		return errors.Join(failed, err)
	}
	if *write {
		return publish(r, raw)
	}
	return nil
}

// measure runs the benchmarks and returns their output, in the format of `go test
// -bench`, with the circumstances as configuration lines ahead of it, and the failures of
// cases.
func measure(ctx context.Context, cfg locks.Config, match *regexp.Regexp, log io.Writer) (raw []byte, failed, err error) {
	dir, err := os.MkdirTemp("", "locks")
	if err != nil {
		return nil, nil, err
	}
	defer os.RemoveAll(dir)
	var out bytes.Buffer
	if err := circumstances(ctx, &out, cfg); err != nil {
		return nil, nil, err
	}
	failed = locks.Run(ctx, dir, cfg, match, &out, log)
	fmt.Fprintf(&out, "load-after: %s\n", figures.Load())
	return out.Bytes(), failed, nil
}

func circumstances(ctx context.Context, out io.Writer, cfg locks.Config) error {
	if err := figures.WritePeers(ctx, out, peers); err != nil {
		return err
	}
	server, err := exec.CommandContext(ctx, "redis-server", "--version").Output()
	if err != nil {
		return fmt.Errorf("version of redis-server: %w", err)
	}
	for _, field := range strings.Fields(string(server)) {
		if version, ok := strings.CutPrefix(field, "v="); ok {
			fmt.Fprintf(out, "redis-server: %s\n", version)
		}
	}
	_, err = fmt.Fprintf(out, "go: %s\ngoos: %s\ngoarch: %s\nprocessors: %d\ncpu: %s\nrounds: %d\nleases: %d\nlisteners: %d\nwaiters: %d\nhandovers: %d\nneighbours: %d\nwatched: %s\nheartbeat: %s\nsoak: %d heartbeat periods of %s\nload-before: %s\n",
		runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), processor(), cfg.Rounds, cfg.Leases, cfg.Listeners,
		cfg.Waiters, cfg.Rounds*cfg.Handovers, cfg.Neighbours, cfg.Watched, cfg.Heartbeat, cfg.Periods, cfg.Soak, figures.Load())
	return err
}

// processor returns the model of the processor, or "unknown" on a system without /proc.
func processor() string {
	text, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return "unknown"
	}
	for line := range strings.Lines(string(text)) {
		if name, model, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(model)
		}
	}
	return "unknown"
}

// publish keeps a run, and renews the page and the plot with it.
func publish(r figures.Results, raw []byte) error {
	if err := os.WriteFile(resultsFile, raw, 0o644); err != nil {
		return err
	}
	if err := os.WriteFile(picture, []byte(plot(r).SVG()), 0o644); err != nil {
		return err
	}
	return figures.SplicePage(page, begin, end, section(r))
}
