package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"time"

	"github.com/leasehold-go/leasehold/internal/figures"
)

// peers are recorded with their versions.
var peers = []string{"github.com/looplab/fsm", "github.com/qmuntal/stateless", "github.com/felixgeelhaar/statekit"}

// measure runs the benchmarks and returns their output, in the format of `go test
// -bench`, with the circumstances as configuration lines ahead of it.
func measure(ctx context.Context, rounds int, each time.Duration) ([]byte, error) {
	scratch, err := os.MkdirTemp("", "ratios")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(scratch)
	program := filepath.Join(scratch, "bench.test")

	var out bytes.Buffer
	if err := circumstances(ctx, &out, rounds); err != nil {
		return nil, err
	}
	if _, err := command(ctx, "go", "test", "-c", "-o", program, "."); err != nil {
		return nil, err
	}
	bench := func(args ...string) error {
		text, err := command(ctx, program, append([]string{"-test.run=^$", "-test.bench=.", "-test.timeout=10m"}, args...)...)
		out.Write(text)
		return err
	}
	for n := range rounds {
		fmt.Fprintf(os.Stderr, "round %d of %d\n", n+1, rounds)
		if err := bench("-test.skip=^BenchmarkMemory$", "-test.cpu=1,2", "-test.benchtime="+each.String()); err != nil {
			return nil, err
		}
	}
	fmt.Fprintln(os.Stderr, "memory")
	if err := bench("-test.bench=^BenchmarkMemory$", "-test.cpu=1", "-test.benchtime=1x"); err != nil {
		return nil, err
	}
	fmt.Fprintf(&out, "load-after: %s\n", figures.Load())
	return out.Bytes(), nil
}

func circumstances(ctx context.Context, out io.Writer, rounds int) error {
	if err := figures.WritePeers(ctx, out, peers); err != nil {
		return err
	}
	fmt.Fprintf(out, "go: %s\nprocessors: %d\nrounds: %d\nload-before: %s\n", runtime.Version(), runtime.NumCPU(), rounds, figures.Load())
	return nil
}

func command(ctx context.Context, name string, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("%s: %w: %s%s", cmd, err, out, stderr.Bytes())
	}
	return out, nil
}
