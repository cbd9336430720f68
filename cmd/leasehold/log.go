package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/leasehold-go/leasehold/fsm"
	"github.com/leasehold-go/leasehold/registry"
	"github.com/leasehold-go/leasehold/store"
)

// entry is an entry of an activity log as it is shown.
type entry struct {
	Token      store.Token             `json:"token"`
	Number     uint64                  `json:"number,omitempty"` // absent for lost
	At         time.Time               `json:"at"`
	Kind       registry.LogKind        `json:"kind"`
	Instance   string                  `json:"instance,omitempty"`
	Host       string                  `json:"host,omitempty"`
	Transition *fsm.Transition[string] `json:"transition,omitempty"`
	Request    *registry.LoggedRequest `json:"request,omitempty"`
	Text       string                  `json:"text,omitempty"`
}

func newEntry(e registry.LogEntry) entry {
	v := entry{Token: e.Token, Number: e.Number, At: e.At, Kind: e.Kind, Transition: e.Transition, Request: e.Request, Text: e.Text}
	if e.Kind == registry.LogLost {
		v.Number = 0
	}
	if e.Identity != nil {
		v.Instance, v.Host = e.Identity.Instance, e.Identity.Host
	}
	return v
}

// what returns the content of an entry in one line.
func (e entry) what() string {
	switch {
	case e.Transition != nil:
		return e.Transition.From + " -> " + e.Transition.To + because(e.Transition.Event, e.Transition.Cause)
	case e.Request != nil:
		text := e.Request.What + ": " + string(e.Request.Outcome)
		if e.Request.Sender != "" {
			text = e.Request.Sender + " asked for " + text
		}
		if e.Request.Error != "" {
			text += ", " + e.Request.Error
		}
		return text
	case e.Kind == registry.LogRegistered:
		return e.Instance + " on " + e.Host
	case e.Kind == registry.LogLost:
		return "the lease ended without a leave (death, outage or forced release); noticed when the next instance came"
	}
	return e.Text
}

func (p *program) log() *cobra.Command {
	var follow bool
	var since time.Duration
	var kinds []string
	var limit int
	known := []string{string(registry.LogRegistered), string(registry.LogTransition), string(registry.LogRequest), string(registry.LogError), string(registry.LogLeft), string(registry.LogLost)}
	c := p.withKey(&cobra.Command{
		Use: "log KEY", Short: "Show the activity log of a key, also after its holder has gone",
		RunE: func(c *cobra.Command, args []string) error {
			for _, k := range kinds {
				if !slices.Contains(known, k) {
					return usagef("--kind %q is none of %s", k, strings.Join(known, ", "))
				}
			}
			if limit < 1 || since < 0 {
				return usagef("--limit must be at least 1, and --since must not be negative")
			}
			wanted := func(e entry) bool {
				return (len(kinds) == 0 || slices.Contains(kinds, string(e.Kind))) && (since == 0 || time.Since(e.At) <= since)
			}
			err := p.briefly(c.Context(), func(ctx context.Context, st store.Store) error {
				after, err := p.printLog(ctx, st, args[0], limit, wanted)
				if err != nil || !follow {
					return err
				}
				for e, err := range registry.FollowLog(ctx, st, args[0], after) {
					if err != nil {
						return err
					}
					if shown := newEntry(e); wanted(shown) {
						if err := p.printEntry(shown); err != nil {
							return err
						}
					}
				}
				return nil
			})
			if follow && c.Context().Err() != nil { // the user has ended it
				return nil
			}
			return err
		},
	}, cobra.ExactArgs(1))
	c.Flags().BoolVarP(&follow, "follow", "f", false, "go on as the log grows")
	c.Flags().DurationVar(&since, "since", 0, "only entries that are not older, such as 24h")
	c.Flags().StringSliceVar(&kinds, "kind", nil, "only these kinds: "+strings.Join(known, ", "))
	_ = c.RegisterFlagCompletionFunc("kind", cobra.FixedCompletions(known, cobra.ShellCompDirectiveNoFileComp))
	c.Flags().IntVarP(&limit, "limit", "n", 100, "the newest entries that fit the other flags")
	return c
}

// printLog prints the newest entries that are wanted, oldest first, and returns the position of the
// newest of all.
func (p *program) printLog(ctx context.Context, st store.Store, key string, limit int, wanted func(entry) bool) (newest store.LogPosition, err error) {
	ctx, cancel := p.limited(ctx)
	defer cancel()
	var all []entry
	for before := (store.LogPosition{}); ; {
		page := 0
		const size = 500
		for e, err := range registry.ReadLog(ctx, st, key, store.LogQuery{Before: before, Backward: true, Limit: size}) {
			if err != nil {
				return newest, err
			}
			if e.Kind != registry.LogLost {
				page++
				before = e.LogPosition
			}
			if newest == (store.LogPosition{}) {
				newest = e.LogPosition
			}
			if shown := newEntry(e); wanted(shown) && len(all) < limit {
				all = append(all, shown)
			}
		}
		if page < size || len(all) == limit {
			break
		}
	}
	if len(all) == 0 && p.format == "table" {
		if newest == (store.LogPosition{}) {
			fmt.Fprintf(p.errOut, "%q has no activity log: nothing was logged, or its program does not set Log in its registry.Config\n", key)
		} else {
			fmt.Fprintf(p.errOut, "the log of %q has no such entry\n", key)
		}
	}
	for _, e := range slices.Backward(all) {
		if err := p.printEntry(e); err != nil {
			return newest, err
		}
	}
	return newest, nil
}

func (p *program) printEntry(e entry) error {
	if p.format != "table" {
		return p.write(e)
	}
	_, err := fmt.Fprintf(p.out, "%s  %4d  %s  %s\n", e.At.Format("2006-01-02T15:04:05.000Z07:00"), e.Token, p.paint(e.style(), fmt.Sprintf("%-10s", oneLine(string(e.Kind)))), oneLine(e.what()))
	return err
}
