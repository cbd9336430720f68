package main

import (
	"bufio"
	"cmp"
	"context"
	"fmt"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/leasehold-go/leasehold/store"
)

// prefix is the argument of a command that takes one or none.
func prefix(args []string) string { return append(args, "")[0] }

// atMost refuses more than n arguments.
func atMost(n int) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if len(args) > n {
			return usagef("%q is an argument too many; usage: %s", args[n], c.UseLine())
		}
		return nil
	}
}

func (p *program) ls() *cobra.Command {
	return &cobra.Command{
		Use: "ls [PREFIX]", Short: "List what is held", Args: atMost(1), ValidArgsFunction: p.completeKey,
		Long: "List the records whose keys begin with PREFIX, so job:1 also lists job:10.",
		RunE: func(c *cobra.Command, args []string) error {
			return p.briefly(c.Context(), func(ctx context.Context, st store.Store) error {
				ctx, cancel := p.limited(ctx)
				defer cancel()
				debug.SetGCPercent(400) // the process ends with the list
				decode := decoded[raw]
				if p.format == "table" {
					decode = decoded[struct{}]
				}
				var all []record
				for s, err := range st.List(ctx, prefix(args)) {
					if err != nil {
						return err
					}
					all = append(all, decode(s))
				}
				slices.SortFunc(all, func(a, b record) int { return cmp.Compare(a.Key, b.Key) })
				if p.format != "table" {
					for _, r := range all {
						if err := p.write(r); err != nil {
							return err
						}
					}
					return nil
				}
				if len(all) == 0 {
					if under := prefix(args); under != "" {
						fmt.Fprintf(p.errOut, "nothing is held under %q\n", under)
					} else {
						fmt.Fprintln(p.errOut, "nothing is held")
					}
					return nil
				}
				width, _, _ := terminal(p.out)
				return records(all).print(p.out, width, p.colored())
			})
		},
	}
}

func (p *program) get() *cobra.Command {
	return p.withKey(&cobra.Command{
		Use: "get KEY", Short: "Show a record, with its history and payload",
		RunE: func(c *cobra.Command, args []string) error {
			return p.briefly(c.Context(), func(ctx context.Context, st store.Store) error {
				ctx, cancel := p.limited(ctx)
				defer cancel()
				r, err := p.read(ctx, st, args[0])
				if err != nil {
					return err
				}
				if p.format != "table" {
					return p.write(r)
				}
				return p.show(r)
			})
		},
	}, cobra.ExactArgs(1))
}

// read reads one record.
func (p *program) read(ctx context.Context, st store.Store, key string) (record, error) {
	s, err := st.Get(ctx, key)
	if err != nil {
		return record{}, err
	}
	return decoded[raw](s).withValue(s.Value), nil
}

// show writes a record for people.
func (p *program) show(r record) error {
	out := bufio.NewWriter(p.out)
	painted := func(name, value string, s style) {
		if value != "" {
			fmt.Fprintf(out, "%-12s %s\n", name, p.paint(s, oneLine(value)))
		}
	}
	lines := func(name, value string) { // each line after the first is indented
		if value != "" {
			fmt.Fprintf(out, "%-12s %s\n", name, plain(value))
		}
	}
	line := func(name, value string) { painted(name, value, noStyle) }
	at := func(t time.Time) string {
		if t.IsZero() {
			return ""
		}
		return t.Format(time.RFC3339) + ", " + ago(t)
	}
	line("key", r.Key)
	switch r.Kind {
	case "foreign":
		painted("kind", "foreign: another program put this value here", magenta)
	case "lease":
		line("kind", "lease, of a program without a registry")
	}
	painted("state", r.State, r.health())
	line("instance", r.Instance)
	line("host", strings.TrimSpace(r.Host+" "+r.IP))
	if r.PID != 0 {
		line("pid", fmt.Sprint(r.PID))
	}
	if r.Token != 0 {
		line("token", fmt.Sprint(r.Token))
	}
	if r.Left != nil {
		line("left", seconds(*r.Left)+map[bool]string{true: " of " + seconds(r.TTL)}[r.TTL > 0])
	} else {
		line("left", "for ever")
	}
	line("registered", at(r.Registered))
	line("changed", at(r.Changed))
	line("heartbeat", at(r.Heartbeat))
	painted("last error", r.LastError, red)
	line("", at(r.LastErrorAt))
	if r.Kind == "instance" {
		line("requests", map[bool]string{true: "taken", false: "not taken"}[r.Requests])
	}
	for i, t := range r.History {
		name := ""
		if i == 0 {
			name = "history"
		}
		line(name, fmt.Sprintf("%s  %s -> %s%s", t.At.Format(time.RFC3339), t.From, t.To, because(t.Event, t.Cause)))
	}
	if r.Payload != nil {
		text := indented(r.Payload, "             ")
		const most = 16 << 10
		if len(text) > most {
			text = strings.ToValidUTF8(text[:most], "") + "… (use -o json for all of it)"
		}
		lines("payload", text)
	}
	lines("value", strings.ReplaceAll(r.Value, "\n", "\n             "))
	return out.Flush()
}

// because is an event and a cause in brackets.
func because(event, cause string) string {
	switch {
	case event != "" && cause != "":
		return fmt.Sprintf(" (%s: %s)", event, cause)
	case event+cause != "":
		return fmt.Sprintf(" (%s)", event+cause)
	}
	return ""
}
