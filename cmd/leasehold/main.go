// Command leasehold shows the records of a store with their holders, asks instances to move, and ends
// leases.
//
//	leasehold --store redis://localhost:6379 ls
//
// Its help has the URLs of stores and the exit codes; docs/command.md is its manual.
package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/logging"
	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/leasehold-go/leasehold/registry"
	"github.com/leasehold-go/leasehold/store"
	"github.com/leasehold-go/leasehold/store/storeurl"
)

const (
	exitFailure     = 1
	exitUsage       = 64
	exitNoKey       = 66
	exitUnavailable = 69
	exitHeld        = 75
	exitNotDone     = 76
	exitUnsafe      = 78
	exitLost        = 79
	exitNotRun      = 126
	exitNoCommand   = 127
)

const about = `leasehold shows the records of a store with their holders, asks instances to move, ends leases, and
runs commands under a lease.

Stores, for --store or in LEASEHOLD_STORE:
  redis://user:password@host:6379/0                Redis; rediss with TLS
  redis+sentinel://host:26379,host2?master_name=m  Redis with Sentinel; rediss+sentinel
  redis+cluster://host:7000,host2:7001             Redis Cluster; rediss+cluster
  etcd://user:password@host:2379,host2:2379        etcd; etcds with TLS
  memory:                                          empty, for a trial
With TLS, ?ca=FILE names the certificates to trust, and &cert=FILE&key=FILE the client's own, in PEM.

Exit codes:
  0     done
  1     another failure
  64    a flag, an argument or a URL is wrong
  66    nobody holds the key
  69    the store cannot be reached, or refuses
  75    another holds the key (run; -E changes it)
  76    a request was not done: rejected, failed or expired
  78    the store is unsafe (doctor)
  79    the lease was lost before the command ended (run; --lost-exit-code changes it)
  126   the command cannot be run (run)
  127   there is no such command (run)
  128+N signal N ended leasehold, or the command (run)
run passes on the exit code of its command. If the code is leasehold's own, standard error has a line
that begins with "leasehold:".`

func main() {
	redis.SetLogger(&logging.VoidLogger{}) // failures come back as errors
	ctx, cancel := context.WithCancelCause(context.Background())
	signals := notified(syscall.SIGINT, syscall.SIGTERM)
	go func() {
		s := <-signals
		signal.Stop(signals) // a second one ends the process at once, unless run passes signals on
		cancel(interrupted{s.(syscall.Signal)})
	}()
	os.Exit(execute(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// notified returns a channel of these signals, except signals that the process was started to
// ignore, as nohup does.
func notified(all ...os.Signal) chan os.Signal {
	c := make(chan os.Signal, 16)
	for _, s := range all {
		if !signal.Ignored(s) {
			signal.Notify(c, s)
		}
	}
	return c
}

// interrupted is the cause of a context that a signal has ended.
type interrupted struct{ signal syscall.Signal }

func (i interrupted) Error() string { return "interrupted" }

// execute runs one command, and returns the exit code.
func execute(ctx context.Context, args []string, in io.Reader, out, errOut io.Writer) int {
	p := &program{in: in, out: out, errOut: errOut}
	help := &output{Writer: out}
	root := p.root()
	root.SetArgs(args)
	root.SetIn(in)
	root.SetOut(help)
	root.SetErr(errOut)
	err := cmp.Or(root.ExecuteContext(ctx), help.err)
	if err == nil {
		return 0
	}
	if stopped, ok := context.Cause(ctx).(interrupted); ok && errors.Is(err, context.Canceled) {
		fmt.Fprintln(errOut, "leasehold: interrupted")
		return 128 + int(stopped.signal)
	}
	if ended, ok := errors.AsType[*commandEnd](err); !ok || ended.lost != nil {
		fmt.Fprintf(errOut, "leasehold: %s\n", plain(explain(err)))
	}
	return exitCode(err)
}

// output keeps the first error of its writer: cobra drops those of help and completions.
type output struct {
	io.Writer
	err error
}

func (o *output) Write(text []byte) (int, error) {
	n, err := o.Writer.Write(text)
	o.err = cmp.Or(o.err, err)
	return n, err
}

// program is one run of the command.
type program struct {
	in          io.Reader
	out, errOut io.Writer

	url     string
	format  string
	color   string
	timeout time.Duration
}

// usageError is an error of the command line.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

func usagef(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

func (p *program) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "leasehold",
		Short: "Show who holds what in a store, why, and let go of it",
		Long:  about,
		Args: func(c *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usagef("there is no command %q; `leasehold --help` lists them", args[0])
			}
			return nil
		},
		RunE: func(c *cobra.Command, _ []string) error {
			if c.Flags().NFlag() > 0 { // in a script: the command was taken for the value of a flag
				return usagef("there is no command; `leasehold --help` lists them")
			}
			return c.Help()
		},
		Version:       version(),
		SilenceErrors: true,
		SilenceUsage:  true,
		PersistentPreRunE: func(*cobra.Command, []string) error {
			switch p.format {
			case "table", "json", "yaml":
			default:
				return usagef("--output %q is none of table, json, yaml", p.format)
			}
			switch p.color {
			case "auto", "always", "never":
			default:
				return usagef("--color %q is none of auto, always, never", p.color)
			}
			if p.timeout <= 0 {
				return usagef("--timeout %v must be positive", p.timeout)
			}
			return nil
		},
	}
	root.SetVersionTemplate("{{.Version}}\n")
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return usagef("%w; `%s --help` lists the flags, and an argument that begins with - stands behind --", err, c.CommandPath())
	})
	flags := root.PersistentFlags()
	flags.StringVar(&p.url, "store", "", "`URL` of the store, such as redis://host:6379 or etcd://host:2379;\nLEASEHOLD_STORE otherwise (leasehold --help has all kinds)")
	flags.StringVarP(&p.format, "output", "o", "table", "`FORMAT` of what is shown: table, json or yaml")
	flags.StringVar(&p.color, "color", "auto", "`WHEN` to use colours: auto, always or never; auto is on a terminal,\nunless NO_COLOR is set")
	flags.DurationVar(&p.timeout, "timeout", 10*time.Second, "limit of one read or write of the store; request and run wait for\nothers as long as their --wait says")
	_ = root.RegisterFlagCompletionFunc("output", cobra.FixedCompletions([]string{"table", "json", "yaml"}, cobra.ShellCompDirectiveNoFileComp))
	_ = root.RegisterFlagCompletionFunc("color", cobra.FixedCompletions([]string{"auto", "always", "never"}, cobra.ShellCompDirectiveNoFileComp))
	for _, c := range []*cobra.Command{p.ls(), p.get(), p.watch(), p.log(), p.graph(), p.request(), p.release(), p.run(), p.serve(), p.doctor(), p.version()} {
		root.AddCommand(c)
	}
	return root
}

// withKey makes a command one that takes one key, completed from the store.
func (p *program) withKey(c *cobra.Command, more cobra.PositionalArgs) *cobra.Command {
	c.Args = func(c *cobra.Command, args []string) error {
		if err := more(c, args); err != nil {
			return usagef("%w; usage: %s", err, c.UseLine())
		}
		return nil
	}
	c.ValidArgsFunction = p.completeKey
	return c
}

// withStore opens the store, calls f, and closes the store.
func (p *program) withStore(ctx context.Context, f func(context.Context, store.Store) error) error {
	return p.opened(ctx, storeurl.Target.Open, f)
}

// briefly is withStore for a command that makes a few calls: none is tried before, so that its user
// needs no rights but those for the calls.
func (p *program) briefly(ctx context.Context, f func(context.Context, store.Store) error) error {
	return p.opened(ctx, storeurl.Target.OpenWithoutTrial, f)
}

type opener func(storeurl.Target, context.Context) (store.Store, func() error, error)

// target returns the store that the URL names.
func (p *program) target() (storeurl.Target, error) {
	if p.url == "" {
		p.url = os.Getenv("LEASEHOLD_STORE") // no default of the flag, which help would show with its password
	}
	if p.url == "" {
		return storeurl.Target{}, usagef("no store: give --store URL or set LEASEHOLD_STORE, for example redis://localhost:6379")
	}
	target, err := storeurl.Parse(p.url)
	if err != nil {
		return target, usageError{err}
	}
	return target, nil
}

func (p *program) opened(ctx context.Context, open opener, f func(context.Context, store.Store) error) (err error) {
	target, err := p.target()
	if err != nil {
		return err
	}
	limited, cancel := p.limited(ctx)
	defer cancel()
	st, closeStore, err := open(target, limited)
	if err != nil {
		return &unopened{target, err}
	}
	defer func() {
		if closed := closeStore(); err == nil {
			err = closed
		}
	}()
	return f(ctx, st)
}

// ownCode is an error with an exit code of its own.
type ownCode struct {
	error
	code int
}

func (e *ownCode) Unwrap() error { return e.error }

// unopened is a store that could not be opened.
type unopened struct {
	target storeurl.Target
	err    error
}

func (e *unopened) Error() string { return fmt.Sprintf("store %s: %v", e.target, e.err) }
func (e *unopened) Unwrap() error { return e.err }

// explain adds a remedy to an error.
func explain(err error) string {
	text := err.Error()
	switch {
	case errors.Is(err, registry.ErrNoRequests):
		return text + ": its program has to set Config.Requests"
	case errors.Is(err, store.ErrForeign):
		return text + ": see it with `leasehold get`"
	case errors.Is(err, store.ErrNotFound):
		return text + ": nobody holds it; `leasehold ls` lists what is held"
	case errors.Is(err, store.ErrDenied):
		return text + ": " + lacking(err)
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, store.ErrUnavailable):
		return text + ": see that the store runs, and that --store names it"
	case errors.Is(err, store.ErrInDoubt):
		return text + ": see with `leasehold get` and `leasehold log` whether it happened"
	}
	return text
}

// lacking names the rights that a user needs after the store refused a call.
func lacking(err error) string {
	call, role := new(store.Error), "a worker" // also for the trial of a store
	if errors.As(err, &call) {
		switch call.Op {
		case "get", "list", "watch", "read log", "follow log", "get definition":
			role = "a reader"
		case "ask":
			role = "an asker"
		}
	}
	text := fmt.Sprintf("the user of --store needs the rights of %s for the key, which docs/operations.md lists", role)
	if call.Op == "list" || call.Op == "watch" {
		text += "; where it may read some keys alone, give their PREFIX"
	}
	return text
}

func exitCode(err error) int {
	ended, own, refused, unopen := new(commandEnd), new(ownCode), new(registry.RequestError), new(unopened)
	switch {
	case errors.As(err, &ended):
		return ended.code
	case errors.As(err, &own):
		return own.code
	case errors.As(err, new(usageError)):
		return exitUsage
	case errors.As(err, new(*unsafeError)):
		return exitUnsafe
	case errors.As(err, &refused), errors.Is(err, registry.ErrNoRequests):
		return exitNotDone
	case errors.Is(err, store.ErrNotFound):
		return exitNoKey
	case errors.As(err, &unopen), errors.Is(err, store.ErrUnavailable), errors.Is(err, store.ErrInDoubt), errors.Is(err, context.DeadlineExceeded):
		return exitUnavailable
	case errors.Is(err, store.ErrInvalid):
		return exitUsage
	}
	return exitFailure
}

// terminal returns the size of the terminal that w is.
func terminal(w any) (width, height int, is bool) {
	f, ok := w.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return 0, 0, false
	}
	width, height, err := term.GetSize(int(f.Fd()))
	if err != nil || width <= 0 || height <= 0 { // a pseudo-terminal starts without a size
		return 80, 24, true
	}
	return width, height, true
}

// limited is the context of one call.
func (p *program) limited(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, p.timeout)
}

// plain makes text harmless in a terminal: control characters, and characters that change the
// direction of writing, become escapes. Lines stay lines.
func plain(text string) string {
	var b strings.Builder
	for _, r := range text {
		if r == '\n' || printable(r) {
			b.WriteRune(r)
		} else {
			b.WriteString(strings.Trim(fmt.Sprintf("%+q", r), "'"))
		}
	}
	return b.String()
}
