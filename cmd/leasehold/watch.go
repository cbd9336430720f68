package main

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/mattn/go-runewidth"
	"github.com/spf13/cobra"

	"github.com/leasehold-go/leasehold/registry"
	"github.com/leasehold-go/leasehold/store"
)

// event is a change as watch writes it.
type event struct {
	Event string `json:"event"` // put, gone, synced, resync
	*record
	Cause string `json:"cause,omitempty"` // of gone, if the store tells
}

const redraw = 250 * time.Millisecond

func (p *program) watch() *cobra.Command {
	return &cobra.Command{
		Use: "watch [PREFIX]", Short: "Show what is held as it changes", Args: atMost(1), ValidArgsFunction: p.completeKey,
		Long: "Show the records whose keys begin with PREFIX: a table that is drawn anew on a terminal, and otherwise\n" +
			"one JSON object a line, or with -o yaml one YAML document, first for each record that is there, then\n" +
			"\"synced\", then for each change. \"resync\" begins anew: a record that is not repeated before the next\n" +
			"\"synced\" has gone.",
		RunE: func(c *cobra.Command, args []string) error {
			err := p.briefly(c.Context(), func(ctx context.Context, st store.Store) error {
				if _, _, is := terminal(p.out); is && p.format == "table" {
					return p.watchTable(ctx, st, prefix(args))
				}
				return p.watchLines(ctx, st, prefix(args))
			})
			if c.Context().Err() != nil { // the user has ended it
				return nil
			}
			return err
		},
	}
}

func (p *program) watchLines(ctx context.Context, st store.Store, prefix string) error {
	if p.format == "table" {
		p.format = "json"
	}
	for e, err := range registry.Watch[raw](ctx, st, prefix) {
		if err != nil {
			return err
		}
		shown := event{Event: e.Kind.String()}
		switch e.Kind {
		case store.EventPut:
			shown.record = new(newRecord(e.Record))
		case store.EventGone:
			shown.record = &record{Key: e.Record.Key, Token: e.Record.Token}
			if e.Cause != store.CauseUnknown {
				shown.Cause = e.Cause.String()
			}
		}
		if err := p.write(shown); err != nil {
			return err
		}
	}
	return nil
}

// watchTable draws the table at most four times a second, and each second for the ages in it.
func (p *program) watchTable(ctx context.Context, st store.Store, prefix string) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	changes, ended := make(chan registry.Event[runner], 1024), make(chan error, 1)
	go func() {
		defer close(changes)
		for e, err := range registry.Watch[runner](ctx, st, prefix) {
			if err != nil {
				ended <- err
				return
			}
			select {
			case changes <- e:
			case <-ctx.Done():
			}
		}
		ended <- nil
	}()
	held, stale := make(map[string]record), make(map[string]bool)
	var keys []string // of held, sorted; nil if they have changed
	current, dirty := false, true
	tick := time.NewTicker(redraw)
	defer tick.Stop()
	var drawn time.Time
	for {
		select {
		case e, open := <-changes:
			if !open {
				return <-ended
			}
			dirty = true
			switch e.Kind {
			case store.EventPut:
				if _, known := held[e.Record.Key]; !known {
					keys = nil
				}
				r := newRecord(e.Record)
				r.by(e.Record.Payload)
				r.History = nil // is not shown
				held[e.Record.Key] = r
				delete(stale, e.Record.Key)
			case store.EventGone:
				delete(held, e.Record.Key)
				keys = nil
			case store.EventResync:
				current = false
				for key := range held {
					stale[key] = true
				}
			case store.EventSynced:
				current = true
				for key := range stale {
					delete(held, key)
				}
				clear(stale)
				keys = nil
			}
		case now := <-tick.C:
			if dirty || now.Sub(drawn) >= time.Second {
				if keys == nil {
					keys = slices.Sorted(maps.Keys(held))
				}
				if err := p.draw(held, keys, current); err != nil {
					return err
				}
				drawn, dirty = now, false
			}
		}
	}
}

// draw shows the table of the records that fit on the terminal.
func (p *program) draw(held map[string]record, keys []string, current bool) error {
	width, height, _ := terminal(p.out)
	more := max(len(keys)-max(height-3, 1), 0)
	var rows []record
	for _, key := range keys[:len(keys)-more] {
		rows = append(rows, held[key])
	}
	status := fmt.Sprintf("%d held", len(held))
	if !current {
		status += ", being read"
	}
	if more > 0 {
		status += fmt.Sprintf(", %d not shown", more)
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "\x1b[H\x1b[2J%s\n", runewidth.Truncate(status, width, "…"))
	_ = records(rows).print(&b, width, p.colored())
	_, err := p.out.Write(b.Bytes())
	return err
}
