package differential_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/leasehold-go/leasehold/store"
)

// patience is how long a watch may take to tell what has happened.
const patience = time.Minute

// view is what a reader of a watch holds who applies each event in order.
type view struct {
	prefix string
	stop   func() // ends the watch and joins its goroutine

	mu      sync.Mutex
	records map[string]string // in words
	synced  bool
	err     error // the last thing
}

// watch begins a watch.
func (s *side) watch(prefix string) {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	v := &view{prefix: prefix, records: make(map[string]string), stop: func() { cancel(); <-ended }}
	go func() {
		defer close(ended)
		for e, err := range s.stores[1].Watch(ctx, s.prefix+prefix) {
			v.apply(s, e, err)
		}
	}()
	s.views = append(s.views, v)
}

func (v *view) apply(s *side, e store.Event, err error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	switch v.err = err; e.Kind {
	case store.EventPut:
		v.records[e.Record.Key] = fmt.Sprintf("%q has %q, token %d", s.bare(e.Record.Key), e.Record.Value, e.Record.Token)
	case store.EventGone:
		delete(v.records, e.Record.Key)
	case store.EventSynced:
		v.synced = true
	}
}

// tells is what the watch has told.
func (v *view) tells() (string, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if !v.synced {
		return "not synced", v.err
	}
	return fmt.Sprint(slices.Sorted(maps.Values(v.records))), v.err
}

// has is what it has to have told: what list yields.
func (v *view) has(ctx context.Context, s *side) (string, error) {
	var all []string
	for r, err := range s.stores[0].List(ctx, s.prefix+v.prefix) {
		if err != nil {
			return "", err
		}
		all = append(all, fmt.Sprintf("%q has %q, token %d", s.bare(r.Key), r.Value, r.Token))
	}
	slices.Sort(all)
	return fmt.Sprint(all), nil
}

// converge waits until every watch has told what list yields, and says which has not.
func (s *side) converge(ctx context.Context) []said {
	for _, v := range s.views {
		if fault := v.converge(ctx, s); fault != "" {
			return []said{{words: fault}}
		}
	}
	return []said{{words: "every watch equals list"}}
}

func (v *view) converge(ctx context.Context, s *side) (fault string) {
	for late := time.Now().Add(patience); time.Now().Before(late); time.Sleep(5 * time.Millisecond) {
		told, ended := v.tells()
		listed, err := v.has(ctx, s)
		switch {
		case err != nil || ended != nil:
			return fmt.Sprintf("watch: %v, list: %v", ended, err)
		case told == listed:
			return ""
		}
		fault = fmt.Sprintf("the watch of %q told %s, list yields %s", v.prefix, told, listed)
	}
	return fault
}
