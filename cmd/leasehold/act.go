package main

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/user"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/leasehold-go/leasehold/registry"
	"github.com/leasehold-go/leasehold/store"
)

func (p *program) request() *cobra.Command {
	var event, argument, cause, sender string
	var wait time.Duration
	var token uint64
	c := p.withKey(&cobra.Command{
		Use: "request KEY [STATE]", Short: "Ask an instance to move to a state, or tell it of an event",
		Long: "Ask the instance that holds a key to move to a state, or tell it of an event, and wait for its answer. It\n" +
			"decides: what its table, guards and program do not permit is rejected, with the reason.",
		Example: "  leasehold request exchange:1:status stopping --cause 'new feed'\n" +
			"  leasehold request exchange:1:status --event boot --arg '{\"path\": \"/data\"}'",
		RunE: func(c *cobra.Command, args []string) error {
			var what registry.Requested
			switch {
			case len(args) == 2 && event == "" && argument == "":
				what = registry.ForState(args[1])
			case len(args) == 1 && event != "" && (argument == "" || json.Valid([]byte(argument))):
				var value any
				if argument != "" {
					value = json.RawMessage(argument)
				}
				what = registry.ForEvent(event, value)
			case len(args) == 1 && event != "":
				return usagef("--arg must be JSON, such as 7, \"text\" or {\"path\": \"/data\"}")
			default:
				return usagef("give a STATE, or --event EVENT with or without --arg JSON")
			}
			opts := []registry.RequestOption{registry.WithSender(cmp.Or(sender, defaultSender())), registry.WithRequestTimeout(wait)}
			if cause != "" {
				opts = append(opts, registry.WithRequestCause(cause))
			}
			if token != 0 {
				opts = append(opts, registry.WithRequestToken(store.Token(token)))
			}
			return p.briefly(c.Context(), func(ctx context.Context, st store.Store) error {
				reply, err := registry.Request(ctx, st, args[0], what, opts...)
				if errors.Is(err, store.ErrInDoubt) && ctx.Err() == nil && reply.ID != "" { // with its id it is done once
					reply, err = registry.Request(ctx, st, args[0], what, append(opts, registry.WithRequestID(reply.ID))...)
				}
				if p.format != "table" && reply.Outcome != "" {
					shown := struct {
						ID string `json:"id"`
						registry.Reply
					}{reply.ID, reply}
					return errors.Join(p.write(shown), err)
				}
				if err == nil {
					_, err = fmt.Fprintf(p.out, "%s: %s is in state %s\n", reply.Outcome, oneLine(args[0]), oneLine(reply.State))
				}
				return err
			})
		},
	}, cobra.RangeArgs(1, 2))
	c.ValidArgsFunction = func(c *cobra.Command, args []string, begun string) ([]cobra.Completion, cobra.ShellCompDirective) {
		if len(args) == 1 && event == "" {
			return p.completeMove(c, args[0], begun, false)
		}
		return p.completeKey(c, args, begun)
	}
	c.Flags().StringVar(&event, "event", "", "the event, in place of a state")
	c.Flags().StringVar(&argument, "arg", "", "the argument of the event, as JSON")
	c.Flags().StringVar(&cause, "cause", "", "the reason, for the history and the log")
	c.Flags().StringVar(&sender, "sender", "", "who asks; USER@HOST otherwise")
	c.Flags().DurationVar(&wait, "wait", registry.DefaultRequestTimeout, "how long to wait for the answer; a request that has not begun by then\nis not carried out")
	c.Flags().Uint64Var(&token, "token", 0, "only if the holder has this token")
	_ = c.RegisterFlagCompletionFunc("event", func(c *cobra.Command, args []string, begun string) ([]cobra.Completion, cobra.ShellCompDirective) {
		if len(args) == 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return p.completeMove(c, args[0], begun, true)
	})
	return c
}

// defaultSender names the user and the machine.
func defaultSender() string {
	name := "unknown"
	if u, err := user.Current(); err == nil {
		name = u.Username
	}
	host, _ := os.Hostname()
	return name + "@" + cmp.Or(host, "unknown")
}

func (p *program) release() *cobra.Command {
	var yes bool
	c := p.withKey(&cobra.Command{
		Use: "release KEY", Short: "End the lease of a key by force; its holder learns at once",
		Long: "End the lease of a key by force. Its holder learns at once and stops, if it runs and hears the store;\n" +
			"until then two may work. To ask it to leave in order, use request. Without a terminal to ask on, give\n" +
			"--yes.",
		RunE: func(c *cobra.Command, args []string) error {
			return p.briefly(c.Context(), func(ctx context.Context, st store.Store) error {
				limited, cancel := p.limited(ctx)
				defer cancel()
				r, err := p.read(limited, st, args[0])
				if err != nil {
					return err
				}
				if r.Kind == "foreign" {
					return &store.InvalidError{Key: r.Key, What: "release", Rule: "is for leases, and another program put this value here: delete it with a client of the store"}
				}
				if !yes {
					agreed, err := p.confirm(ctx, r)
					if err != nil || !agreed {
						return err
					}
				}
				limited, cancel = p.limited(ctx)
				defer cancel()
				if err := st.Delete(limited, r.Key, store.ByToken(r.Token)); err != nil {
					return err
				}
				if p.format != "table" {
					return p.write(map[string]any{"key": r.Key, "token": r.Token, "released": true})
				}
				_, err = fmt.Fprintf(p.out, "released %s, token %d\n", oneLine(r.Key), r.Token)
				return err
			})
		},
	}, cobra.ExactArgs(1))
	c.Flags().BoolVarP(&yes, "yes", "y", false, "do not ask")
	return c
}

// confirm asks whether to end a lease.
func (p *program) confirm(ctx context.Context, r record) (bool, error) {
	if _, _, is := terminal(p.in); !is {
		return false, usagef("there is no terminal to ask on: give --yes to release %s, which %s holds", r.Key, holder(r))
	}
	fmt.Fprintf(p.errOut, "%s is held by %s. Release it? [y/N] ", oneLine(r.Key), oneLine(holder(r)))
	answer := make(chan string, 1)
	go func() {
		line, _ := bufio.NewReader(p.in).ReadString('\n')
		answer <- line
	}()
	select {
	case line := <-answer:
		switch strings.ToLower(strings.TrimSpace(line)) {
		case "y", "yes":
			return true, nil
		}
		fmt.Fprintln(p.errOut, "not released")
		return false, nil
	case <-ctx.Done():
		return false, ctx.Err()
	}
}

// holder names the holder of a record, with its token.
func holder(r record) string { return fmt.Sprintf("%s (token %d)", holderName(r), r.Token) }

// holderName names the holder of a record.
func holderName(r record) string {
	who := r.Instance
	if r.Host != "" {
		who += " on " + r.Host
	}
	if who == "" {
		who = "a program without a name"
	}
	if r.State != "" {
		who += ", in state " + r.State
	}
	return who
}
