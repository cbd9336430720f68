// Ratios runs the benchmarks of the state machine, or reads a run, and says how
// leasehold compares with the other libraries and with its targets.
//
//	go run ./cmd/ratios                     # run and print; about four minutes
//	go run ./cmd/ratios -write              # and renew results.txt, the page and the plot
//	go run ./cmd/ratios -from results.txt   # read instead of run
//
// It runs in the directory of the bench module. All libraries run in each round, next to
// each other, and ratios are formed within a round: on a shared machine their median is
// steadier than nanoseconds are.
package main

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"time"

	"github.com/leasehold-go/leasehold/internal/figures"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "ratios:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("ratios", flag.ExitOnError)
	from := flags.String("from", "", "read this output of a run instead of running")
	rounds := flags.Int("rounds", 30, "how often to run everything")
	each := flags.Duration("benchtime", 40*time.Millisecond, "how long to run one benchmark in a round")
	write := flags.Bool("write", false, "renew results.txt, and the page and plot in ../docs")
	if err := flags.Parse(args); err != nil {
		return err
	}

	var raw []byte
	var err error
	if *from == "" {
		raw, err = measure(ctx, *rounds, *each)
	} else {
		raw, err = os.ReadFile(*from)
	}
	if err != nil {
		return err
	}
	r, err := figures.Parse(bytes.NewReader(raw))
	if err != nil {
		return err
	}
	fmt.Println(report(r))
	if *write {
		return publish(r, raw, *from == "")
	}
	return nil
}

func publish(r figures.Results, raw []byte, fresh bool) error {
	if fresh {
		if err := os.WriteFile("results.txt", raw, 0o644); err != nil {
			return err
		}
	}
	if err := os.WriteFile("../docs/benchmarks.svg", []byte(plot(r)), 0o644); err != nil {
		return err
	}
	return figures.SplicePage("../docs/benchmarks.md", begin, end, report(r))
}
