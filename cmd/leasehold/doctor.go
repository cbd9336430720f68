package main

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/leasehold-go/leasehold/lease"
	"github.com/leasehold-go/leasehold/store"
)

// finding is a finding as it is shown.
type finding struct {
	Level  store.Level `json:"level"`
	Check  string      `json:"check"`
	Server string      `json:"server,omitempty"`
	Seen   string      `json:"seen,omitempty"`
	Advice string      `json:"advice,omitempty"`
}

// unsafeError ends doctor after findings that its caller does not accept.
type unsafeError struct{ text string }

func (e *unsafeError) Error() string { return e.text }

// levels are the levels from the worst to the best.
var levels = []store.Level{store.LevelUnsafe, store.LevelWarn, store.LevelUnknown, store.LevelOK}

var styles = map[store.Level]style{store.LevelUnsafe: red, store.LevelWarn: yellow, store.LevelUnknown: yellow, store.LevelOK: green}

func (p *program) doctor() *cobra.Command {
	var ttl time.Duration
	var strict bool
	c := &cobra.Command{
		Use: "doctor [PREFIX]", Short: "Say what is unsafe about the store, and what to change", Args: atMost(1),
		Long: "Check the servers of the store, the user's rights, clocks and latency. With PREFIX, check the rights to keys\n" +
			"that begin with it. Each finding is ok, unknown, warn or unsafe; the exit code is 78 if one is unsafe.\n" +
			"A trial writes records of its own, which it deletes again; doctor also works for a user who may only read.",
		RunE: func(c *cobra.Command, args []string) error {
			usage := store.Usage{Prefix: prefix(args), TTL: ttl}
			if err := usage.Check(); err != nil {
				return usageError{err}
			}
			target, err := p.target()
			if err != nil {
				return err
			}
			ctx, cancel := context.WithTimeout(c.Context(), 3*p.timeout) // many calls, some at the same time
			defer cancel()
			found, err := target.Check(ctx, usage)
			if err != nil {
				return &unopened{target, err}
			}
			slices.SortStableFunc(found, func(a, b store.Finding) int {
				return cmp.Compare(slices.Index(levels, a.Level), slices.Index(levels, b.Level))
			})
			if err := p.findings(found); err != nil {
				return err
			}
			var bad []string
			for _, level := range levels {
				n := 0
				for _, f := range found {
					if f.Level == level {
						n++
					}
				}
				if n > 0 && (level == store.LevelUnsafe || strict && level != store.LevelOK) {
					bad = append(bad, fmt.Sprintf("%d %s", n, level))
				}
			}
			if len(bad) > 0 {
				return &unsafeError{fmt.Sprintf("store %s: findings: %s", target, strings.Join(bad, ", "))}
			}
			return nil
		},
	}
	c.Flags().DurationVar(&ttl, "ttl", lease.DefaultTTL, "shortest TTL of the leases, which times are compared with")
	c.Flags().BoolVar(&strict, "strict", false, "exit with 78 for the levels warn and unknown too")
	return c
}

// findings writes findings: a table, and then the advice, each once for all servers that need it.
func (p *program) findings(found []store.Finding) error {
	if p.format != "table" {
		for _, f := range found {
			if err := p.write(finding{f.Level, f.Check, f.Server, f.Seen, f.Advice}); err != nil {
				return err
			}
		}
		return nil
	}
	t := newTable("LEVEL", "CHECK", "SERVER", "SEEN")
	var advice []string // in the order of the findings
	about := make(map[string][]string)
	for _, f := range found {
		t.add(cell{string(f.Level), styles[f.Level]}, cell{f.Check, noStyle}, cell{f.Server, noStyle}, cell{f.Seen, noStyle})
		if f.Advice == "" {
			continue
		}
		line := fmt.Sprintf("%s, %s: %s", f.Level, f.Check, f.Advice)
		if _, known := about[line]; !known {
			advice = append(advice, line)
		}
		about[line] = append(about[line], f.Server)
	}
	width, _, _ := terminal(p.out)
	if err := t.print(p.out, width, p.colored()); err != nil {
		return err
	}
	for _, line := range advice {
		servers := ""
		if of := about[line]; len(of) > 1 || of[0] != "" {
			servers = " (" + strings.Join(of, ", ") + ")"
		}
		if _, err := fmt.Fprintf(p.out, "\n%s%s\n", oneLine(line), oneLine(servers)); err != nil {
			return err
		}
	}
	return nil
}
