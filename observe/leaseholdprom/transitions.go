package leaseholdprom

import (
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/leasehold-go/leasehold/fsm"
)

// maxSeries bounds the transitions with counters of their own.
const maxSeries = 1000

// fewSeries is the largest number of transitions for which a search is quicker than a hash.
const fewSeries = 16

// transitions has the counters of a machine's transitions. A lookup takes no lock and allocates
// nothing.
type transitions[S comparable] struct {
	vec   *prometheus.CounterVec
	mu    sync.Mutex               // of writers
	known atomic.Pointer[known[S]] // replaced, never changed
}

// known has counters that exist: the first in a list, all in a map.
type known[S comparable] struct {
	first []counted[S]
	all   map[series[S]]prometheus.Counter
}

type series[S comparable] struct {
	from, to S
	outcome  string
}

type counted[S comparable] struct {
	series[S]
	counter prometheus.Counter
}

// counter returns the counter of a transition with its result.
func (t *transitions[S]) counter(from, to S, err error) prometheus.Counter {
	key := series[S]{from, to, fsm.Outcome(err)}
	if k := t.known.Load(); k != nil {
		for i := range k.first {
			if k.first[i].series == key {
				return k.first[i].counter
			}
		}
		if c, ok := k.all[key]; ok {
			return c
		}
	}
	return t.add(key)
}

func (t *transitions[S]) add(key series[S]) prometheus.Counter {
	t.mu.Lock()
	defer t.mu.Unlock()
	next := &known[S]{all: make(map[series[S]]prometheus.Counter)}
	if k := t.known.Load(); k != nil {
		if c, ok := k.all[key]; ok {
			return c
		}
		if len(k.all) >= maxSeries {
			return t.vec.WithLabelValues("other", "other", key.outcome)
		}
		next.first, next.all = slices.Clip(k.first), maps.Clone(k.all)
	}
	c := t.vec.WithLabelValues(fmt.Sprint(key.from), fmt.Sprint(key.to), key.outcome)
	next.all[key] = c
	if len(next.first) < fewSeries {
		next.first = append(next.first, counted[S]{key, c})
	}
	t.known.Store(next)
	return c
}
