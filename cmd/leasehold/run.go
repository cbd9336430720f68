package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"slices"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/leasehold-go/leasehold/lease"
	"github.com/leasehold-go/leasehold/store"
)

// commandEnd is the end of a command under a lease, if it is no success.
type commandEnd struct {
	code int   // of the command, or --lost-exit-code
	lost error // of the lease, if it was lost before
}

func (e *commandEnd) Error() string {
	if e.lost != nil {
		return fmt.Sprintf("the command was ended: %v", e.lost)
	}
	return fmt.Sprintf("the command ended with %d", e.code)
}

func (p *program) run() *cobra.Command {
	var ttl, heartbeat, wait, grace time.Duration
	var heldCode, lostCode uint8
	c := p.withKey(&cobra.Command{
		Use: "run KEY [flags] -- COMMAND [ARG…]", DisableFlagsInUseLine: true, Short: "Run a command while this process holds the key",
		Long: "Run a command under a lease. While another holds the key, it is not run, or waited for with --wait.\n" +
			"The command finds LEASEHOLD_KEY and LEASEHOLD_TOKEN in its environment; the token grows with each\n" +
			"lease, for stores that can refuse an older one. Its exit code is passed on.\n\n" +
			"Signals to leasehold are passed on to the command and its children, and nothing more: a command that\n" +
			"ignores SIGTERM goes on under the lease. If the lease is lost, the command gets SIGTERM, and after\n" +
			"--grace SIGKILL; so do its children, unless it runs on a terminal. SIGTSTP (Ctrl-Z) stops both, and the\n" +
			"lease is lost if they are stopped for longer than --ttl. If leasehold itself is killed (SIGKILL), Linux\n" +
			"kills the command too, and not its children.",
		Example: "  leasehold run nightly -- ./report.sh                       # not at all if it runs elsewhere\n" +
			"  leasehold run nightly --wait 1h -E 0 -- ./report.sh        # after it, within an hour; else succeed",
		RunE: func(c *cobra.Command, args []string) error {
			if c.ArgsLenAtDash() == 0 && args[1] == "--" { // before a KEY that begins with -, and behind it
				args = slices.Delete(args, 1, 2)
			}
			if len(args) < 2 {
				return usagef("there is no command; usage: %s", c.UseLine())
			}
			if c.ArgsLenAtDash() > 1 {
				return usagef("one KEY must stand before --; usage: %s", c.UseLine())
			}
			if grace < 0 || wait < 0 {
				return usagef("--grace and --wait must not be negative")
			}
			path, err := exec.LookPath(args[1])
			if err != nil {
				code := exitNotRun
				if errors.Is(err, exec.ErrNotFound) || errors.Is(err, os.ErrNotExist) {
					code = exitNoCommand
				}
				return &ownCode{err, code}
			}
			return p.withStore(c.Context(), func(ctx context.Context, st store.Store) (err error) {
				ctx = context.WithoutCancel(ctx) // the lease is released after a signal too
				keeper, err := lease.NewKeeper(st, lease.Config{TTL: ttl, Heartbeat: heartbeat})
				if err != nil {
					return err
				}
				defer func() {
					limited, cancel := p.limited(ctx)
					defer cancel()
					if closed := keeper.Close(limited); err == nil && closed != nil {
						err = closed
					}
				}()
				held, err := p.acquire(c.Context(), keeper, args[0], args[1], wait)
				if err, conflict := namingHolder(err, wait); conflict {
					return &ownCode{err, int(heldCode)}
				}
				if err != nil {
					return err
				}
				err = p.command(c.Context(), held, path, args[1:], grace)
				if ended, ok := errors.AsType[*commandEnd](err); ok && ended.lost != nil {
					ended.code = int(lostCode)
				}
				return err
			})
		},
	}, cobra.MinimumNArgs(2))
	c.Flags().DurationVar(&ttl, "ttl", lease.DefaultTTL, "how long the lease outlives this process if it is killed")
	c.Flags().DurationVar(&heartbeat, "heartbeat", 0, "time between renewals; a third of --ttl if 0")
	c.Flags().DurationVar(&wait, "wait", 0, "how long to wait while another holds the key; not at all if 0")
	c.Flags().DurationVar(&grace, "grace", 10*time.Second, "from SIGTERM to SIGKILL when the lease is lost")
	c.Flags().Uint8VarP(&heldCode, "conflict-exit-code", "E", exitHeld, "exit `CODE` if another holds the key")
	c.Flags().Uint8Var(&lostCode, "lost-exit-code", exitLost, "exit `CODE` if the lease is lost")
	c.ValidArgsFunction = func(c *cobra.Command, args []string, begun string) ([]cobra.Completion, cobra.ShellCompDirective) {
		if len(args) > 0 { // the command
			return nil, cobra.ShellCompDirectiveDefault
		}
		return p.completeKey(c, args, begun)
	}
	c.Flags().SetInterspersed(true)
	return c
}

// namingHolder adds the holder and a remedy to the error of a key that another holds, and reports
// whether it is such an error.
func namingHolder(err error, wait time.Duration) (_ error, conflict bool) {
	waited, held := new(lease.WaitError), new(store.HeldError)
	switch {
	case errors.As(err, &waited):
		if waited.Held != nil && errors.Is(err, context.DeadlineExceeded) {
			err = fmt.Errorf("%w, by %s; it was not free within --wait %v", waited.Held, holderName(decoded[raw](waited.Held.Record)), wait)
		}
		return err, true
	case errors.As(err, &held):
		return fmt.Errorf("%w, by %s; --wait DURATION waits for it", err, holderName(decoded[raw](held.Record))), true
	}
	return err, false
}

// acquire claims the key, with a value that names the holder.
func (p *program) acquire(ctx context.Context, k *lease.Keeper, key, command string, wait time.Duration) (lease.Lease, error) {
	host, _ := os.Hostname()
	value, err := json.Marshal(runner{Command: command, Host: cmp.Or(host, "unknown"), PID: os.Getpid(), Since: time.Now().UTC()})
	if err != nil {
		return nil, err
	}
	if wait == 0 {
		limited, cancel := p.limited(ctx)
		defer cancel()
		return k.Acquire(limited, key, value)
	}
	limited, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	return k.Acquire(limited, key, value, lease.WithWait())
}

// command runs the command, and returns once it has ended: nil, or a *commandEnd.
func (p *program) command(ctx context.Context, held lease.Lease, path string, args []string, grace time.Duration) error {
	_, _, interactive := terminal(p.in)
	c := &exec.Cmd{Path: path, Args: args, Stdin: p.in, Stdout: p.out, Stderr: p.errOut, SysProcAttr: attributes(!interactive)}
	c.Env = append(os.Environ(), "LEASEHOLD_KEY="+held.Key(), fmt.Sprintf("LEASEHOLD_TOKEN=%d", held.Token()))
	signals := notified(syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT, syscall.SIGUSR1, syscall.SIGUSR2, syscall.SIGTSTP, syscall.SIGCONT)
	defer signal.Stop(signals)
	runtime.LockOSThread() // the end of the thread that starts a child can be taken for that of the process
	defer runtime.UnlockOSThread()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err := c.Start(); err != nil {
		return err
	}
	send := func(s syscall.Signal) {
		if interactive { // the terminal's group has it already, if it comes from there
			_ = c.Process.Signal(s)
			return
		}
		_ = syscall.Kill(-c.Process.Pid, s)
	}
	ended := make(chan error, 1)
	go func() { ended <- c.Wait() }()
	lost, kill := held.Done(), (<-chan time.Time)(nil)
	var reason error
	for {
		select {
		case err := <-ended:
			if reason != nil {
				send(syscall.SIGKILL) // to the children that it has left behind
			}
			return endOf(err, reason)
		case s := <-signals:
			switch {
			case interactive && s == syscall.SIGINT: // from the terminal
			case s == syscall.SIGTSTP: // no command goes on while its lease is not renewed, also if it ignores this signal
				send(syscall.SIGSTOP)
				_ = syscall.Kill(os.Getpid(), syscall.SIGSTOP)
			case s == syscall.SIGCONT && !held.Valid(): // it goes on when it is told to end, below
			default:
				send(s.(syscall.Signal))
			}
		case <-lost:
			lost, reason = nil, held.Err()
			fmt.Fprintf(p.errOut, "leasehold: %s; the command is told to end\n", oneLine(reason.Error()))
			send(syscall.SIGTERM)
			send(syscall.SIGCONT)
			timer := time.NewTimer(grace)
			defer timer.Stop()
			kill = timer.C
		case <-kill:
			send(syscall.SIGKILL)
		}
	}
}

// endOf is the error for the end of a command.
func endOf(err, lost error) error {
	exit := new(exec.ExitError)
	switch {
	case err == nil && lost == nil:
		return nil
	case lost != nil:
		return &commandEnd{lost: lost}
	case !errors.As(err, &exit):
		return err
	}
	if status, ok := exit.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return &commandEnd{code: 128 + int(status.Signal())}
	}
	return &commandEnd{code: exit.ExitCode()}
}
