package main

import (
	"context"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/leasehold-go/leasehold/registry"
	"github.com/leasehold-go/leasehold/store"
)

const (
	completeLimit = time.Second // for a completion; a store that takes longer has none
	completeMost  = 1000        // words
)

// words are completions, in the order of their addition, each with a description that may be empty.
// Words that a shell would split or a terminal obey are left out.
type words struct {
	begun string
	known map[string]bool
	all   []cobra.Completion
}

func (w *words) add(word, description string) {
	strange := func(r rune) bool { return r == ' ' || !printable(r) }
	if word == "" || !strings.HasPrefix(word, w.begun) || strings.ContainsFunc(word, strange) || w.known[word] || len(w.all) == completeMost {
		return
	}
	w.known[word] = true
	w.all = append(w.all, cobra.CompletionWithDesc(word, oneLine(description)))
}

// fromStore completes a word from the store, silently and for a second at most.
func (p *program) fromStore(ctx context.Context, begun string, find func(context.Context, store.Store, *words) error) ([]cobra.Completion, cobra.ShellCompDirective) {
	ctx, cancel := context.WithTimeout(ctx, completeLimit)
	defer cancel()
	p.timeout = completeLimit
	found := make(chan []cobra.Completion, 1)
	go func() { // a store that hangs can take longer to close; the process does not wait for that
		w := &words{begun: begun, known: make(map[string]bool)}
		_ = p.briefly(ctx, func(ctx context.Context, st store.Store) error {
			err := find(ctx, st, w)
			found <- w.all
			return err
		})
		select {
		case found <- nil: // it was not opened
		default:
		}
	}()
	select {
	case all := <-found:
		return all, cobra.ShellCompDirectiveNoFileComp
	case <-ctx.Done():
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
}

// completeKey completes the first argument, a key or a prefix.
func (p *program) completeKey(c *cobra.Command, args []string, begun string) ([]cobra.Completion, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return p.fromStore(c.Context(), begun, func(ctx context.Context, st store.Store, w *words) error {
		for r, err := range registry.List[raw](ctx, st, begun) {
			if err != nil || len(w.all) == completeMost {
				return err
			}
			w.add(r.Key, r.State)
		}
		return nil
	})
}

// completeMove completes the state or the event of a request. It offers the states or events that
// the definition of the instance permits in its current state or, without a definition, the states
// and events in its history.
func (p *program) completeMove(c *cobra.Command, key, begun string, events bool) ([]cobra.Completion, cobra.ShellCompDirective) {
	return p.fromStore(c.Context(), begun, func(ctx context.Context, st store.Store, w *words) error {
		r, err := registry.Get[raw](ctx, st, key)
		if err != nil {
			return err
		}
		add := func(state, event string) {
			if events {
				w.add(event, "")
			} else {
				w.add(state, "")
			}
		}
		if d, err := registry.ReadDefinition(ctx, st, r); err == nil {
			for _, e := range d.EdgesFrom(r.State) {
				add(e.To, "")
				for _, event := range e.Events {
					add("", event.Name)
				}
			}
			return nil
		}
		for _, t := range r.History {
			add(t.From, t.Event)
			add(t.To, t.Event)
		}
		return nil
	})
}
