package program_test

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"go.uber.org/goleak"

	"github.com/leasehold-go/leasehold/examples/internal/program"
	"github.com/leasehold-go/leasehold/store"
)

// childVariable makes the test binary run child in place of the tests.
const childVariable = "PROGRAM_TEST_CHILD"

func TestMain(m *testing.M) {
	if os.Getenv(childVariable) != "" {
		child.Main()
	}
	goleak.VerifyTestMain(m)
}

var errFailed = errors.New("failed")

// child waits for the end of its context, then for the end of its input, and fails.
var child = program.Command{
	Name: "child",
	Run: func(ctx context.Context, args []string, std program.Streams) error {
		fmt.Fprintln(std.Out, "args", args)
		<-ctx.Done()
		fmt.Fprintln(std.Out, "interrupted")
		_, err := io.Copy(io.Discard, std.In)
		return errors.Join(errFailed, err)
	},
	Failure: func(error) int { return 7 },
}

func TestSignalsEndTheContextAndDoNotInterruptCleanup(t *testing.T) {
	for _, sig := range []os.Signal{syscall.SIGTERM, os.Interrupt} {
		cmd := exec.Command(os.Args[0], "-x", "y")
		cmd.Env = append(os.Environ(), childVariable+"=1")
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		stdin, err := cmd.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		stdout, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		expect := func(want string) {
			t.Helper()
			got := make([]byte, len(want))
			if _, err := io.ReadFull(stdout, got); err != nil || string(got) != want {
				t.Errorf("%v: standard output has %q, want %q: %v", sig, got, want, err)
			}
		}
		expect("args [-x y]\n")
		cmd.Process.Signal(sig)
		expect("interrupted\n")
		cmd.Process.Signal(sig)
		stdin.Close()
		_ = cmd.Wait() // ExitCode has the result
		if code := cmd.ProcessState.ExitCode(); code != 7 || stderr.String() != "child: failed\n" {
			t.Errorf("%v: exit %d, standard error %q", sig, code, &stderr)
		}
	}
}

func TestExitCodes(t *testing.T) {
	own := program.Command{Failure: func(error) int { return 7 }}
	for _, c := range []struct {
		err         error
		code, owned int
	}{
		{nil, program.ExitOK, program.ExitOK},
		{flag.ErrHelp, program.ExitOK, program.ExitOK},
		{errFailed, program.ExitFailure, 7},
		{program.UsageErrorf("x"), program.ExitUsage, program.ExitUsage},
		{fmt.Errorf("more: %w", program.UsageError{Err: errFailed}), program.ExitUsage, program.ExitUsage},
	} {
		if got := (program.Command{}).ExitCode(c.err); got != c.code {
			t.Errorf("%v: exit %d, want %d", c.err, got, c.code)
		}
		if got := own.ExitCode(c.err); got != c.owned {
			t.Errorf("%v: exit %d with codes of its own, want %d", c.err, got, c.owned)
		}
	}
}

func TestExecuteWritesTheErrorButForHelp(t *testing.T) {
	for err, want := range map[error]string{nil: "", errFailed: "name: failed\n", flag.ErrHelp: "", program.UsageErrorf("-x: no"): "name: -x: no\n"} {
		var stderr bytes.Buffer
		c := program.Command{Name: "name", Run: func(context.Context, []string, program.Streams) error { return err }}
		c.Execute(t.Context(), nil, program.Streams{Out: io.Discard, Err: &stderr})
		if stderr.String() != want {
			t.Errorf("%v: standard error has %q, want %q", err, &stderr, want)
		}
	}
}

func TestUsageErrorWrapsItsCause(t *testing.T) {
	if err := program.UsageErrorf("-x: %w", errFailed); !errors.Is(err, errFailed) || err.Error() != "-x: failed" {
		t.Errorf("error is %v", err)
	}
}

func TestParseFlags(t *testing.T) {
	for _, c := range []struct {
		args      string
		arguments []string
		want      string // the error, or the value of -n and the arguments
	}{
		{"", nil, "1 []"},
		{"-n 2", nil, "2 []"},
		{"-n 2 go", nil, `unexpected argument "go" after the flags`},
		{"go", []string{"command"}, "1 [go]"},
		{"go -n 2", []string{"command"}, `unexpected argument "-n" after the command`},
		{"go there now", []string{"command", "place"}, `unexpected argument "now" after the place`},
		{"-n x", nil, `invalid value "x" for flag -n: parse error`},
		{"-m 2", nil, "flag provided but not defined: -m"},
	} {
		flags := flag.NewFlagSet("", flag.ContinueOnError)
		n := flags.Int("n", 1, "a number")
		var stderr bytes.Buffer
		err := program.ParseFlags(flags, "usage", strings.Fields(c.args), &stderr, c.arguments...)
		got := fmt.Sprint(*n, " ", flags.Args())
		if err != nil {
			got = err.Error()
		}
		if got != c.want || err != nil && !errors.As(err, new(program.UsageError)) || stderr.Len() > 0 {
			t.Errorf("%q: %s, want %s; standard error %q", c.args, got, c.want, &stderr)
		}
	}
}

func TestHelpShowsUsageAndFlags(t *testing.T) {
	flags := flag.NewFlagSet("", flag.ContinueOnError)
	flags.Int("n", 1, "a number")
	var stderr bytes.Buffer
	err := program.ParseFlags(flags, "usage: it\n", []string{"-h"}, &stderr)
	if help := stderr.String(); !errors.Is(err, flag.ErrHelp) || !strings.HasPrefix(help, "usage: it\n") || !strings.Contains(help, "a number (default 1)") {
		t.Errorf("error is %v, help %q", err, help)
	}
}

// hung is a store that cannot be reached.
type hung struct{ opening chan<- struct{} }

func (hung) String() string { return "hung:" }

func (h hung) Open(ctx context.Context) (store.Store, func() error, error) {
	close(h.opening)
	<-ctx.Done()
	return nil, nil, ctx.Err()
}

func TestAProgramThatIsToldToEndBeforeItHasAStoreHasNotFailed(t *testing.T) {
	for name, told := range map[string]bool{"told": true, "-for": false} {
		t.Run(name, func(t *testing.T) {
			opening := make(chan struct{})
			open := func(string) (program.Store, error) { return hung{opening}, nil }
			c := program.OnStore("test", "usage", open, func(*flag.FlagSet) program.Body {
				return func(context.Context, store.Store, program.Streams) error { return errFailed }
			})
			ctx, end := context.WithCancel(t.Context())
			defer end()
			args := []string{"-for", "10ms"}
			if told {
				args = nil
				go func() {
					<-opening
					end()
				}()
			}
			if code := c.Execute(ctx, args, program.Streams{Out: io.Discard, Err: io.Discard}); (code == program.ExitOK) != told {
				t.Errorf("exit %d", code)
			}
		})
	}
}
