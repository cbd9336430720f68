package page

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"sync"

	"github.com/leasehold-go/leasehold/fsm"
	"github.com/leasehold-go/leasehold/registry"
	"github.com/leasehold-go/leasehold/store"
)

const maxDefinitions = 256 // that are kept

// definitions reads published definitions and keeps them: one never changes under its id.
type definitions struct {
	store store.Store

	mu    sync.Mutex
	known map[string]fsm.Description
}

func newDefinitions(st store.Store) *definitions {
	return &definitions{store: st, known: make(map[string]fsm.Description)}
}

// of returns the definition of a record; see [registry.ReadDefinition] for its errors.
func (d *definitions) of(ctx context.Context, r registry.Record[fields]) (fsm.Description, error) {
	d.mu.Lock()
	known, is := d.known[r.Definition]
	d.mu.Unlock()
	if is {
		return known, nil
	}
	read, err := registry.ReadDefinition(ctx, d.store, r)
	if err != nil {
		return fsm.Description{}, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.known) >= maxDefinitions {
		clear(d.known)
	}
	d.known[r.Definition] = read
	return read, nil
}

// permitted are the states and events that a definition permits in a state. A guard can refuse them,
// and the instance can take fewer requests.
type permitted struct {
	States []string         `json:"states"`
	Events []permittedEvent `json:"events"`
}

type permittedEvent struct {
	Name string `json:"name"`
	To   string `json:"to,omitempty"` // empty if it is handled in place
}

func permittedIn(d fsm.Description, state string) *permitted {
	p := &permitted{States: []string{}, Events: []permittedEvent{}}
	for _, e := range d.EdgesFrom(state) {
		p.States = append(p.States, e.To)
		for _, event := range e.Events {
			p.addEvent(permittedEvent{event.Name, e.To})
		}
	}
	for _, s := range d.States {
		if s.Name != state {
			continue
		}
		for _, event := range s.InPlace {
			if !event.Ignored {
				p.addEvent(permittedEvent{Name: event.Name})
			}
		}
	}
	return p
}

func (p *permitted) addEvent(e permittedEvent) {
	if !slices.Contains(p.Events, e) {
		p.Events = append(p.Events, e)
	}
}

// getDefinition reads the definition of an instance.
func (p *Page) getDefinition(ctx context.Context, r *http.Request) (any, error) {
	key := r.URL.Query().Get("key")
	if err := p.mayRead(key); err != nil {
		return nil, err
	}
	record, err := registry.Get[fields](ctx, p.cfg.Store, key)
	if err != nil {
		return nil, err
	}
	d, err := p.definitions.of(ctx, record)
	switch {
	case errors.Is(err, registry.ErrNoDefinition):
		return nil, &problem{http.StatusNotFound, cut(err.Error(), maxText), "the history and the log tell its states all the same"}
	case err != nil:
		return nil, err
	}
	return struct {
		ID string `json:"id"`
		fsm.Description
	}{record.Definition, d}, nil
}
