package leaseholdotel

import (
	"fmt"
	"maps"
	"sync"
	"sync/atomic"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/leasehold-go/leasehold/fsm"
)

// label is a set of attributes, ready for use: to make one costs more than to count.
type label struct {
	add    []metric.AddOption
	record []metric.RecordOption
}

// newLabel makes a label of names and values in turn.
func newLabel(pairs ...string) *label {
	var attrs []attribute.KeyValue
	for i := 0; i < len(pairs); i += 2 {
		attrs = append(attrs, attribute.String(pairs[i], pairs[i+1]))
	}
	set := metric.WithAttributeSet(attribute.NewSet(attrs...))
	return &label{[]metric.AddOption{set}, []metric.RecordOption{set}}
}

// cache keeps the labels of keys. A lookup takes no lock and allocates nothing.
type cache[K comparable] struct {
	mu    sync.Mutex // of writers
	known atomic.Pointer[map[K]*label]
}

// of returns the label of a key. A new one is made by create, which is told how many there are.
func (c *cache[K]) of(key K, create func(n int) (l *label, keep bool)) *label {
	if known := c.known.Load(); known != nil {
		if l := (*known)[key]; l != nil {
			return l
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	known := make(map[K]*label)
	if p := c.known.Load(); p != nil {
		if l := (*p)[key]; l != nil {
			return l
		}
		known = *p
	}
	l, keep := create(len(known))
	if keep {
		known = maps.Clone(known)
		known[key] = l
		c.known.Store(&known)
	}
	return l
}

// labels are labels of one or two words from short lists.
type labels struct{ cache[[4]string] }

func (l *labels) of(pairs ...string) *label {
	var key [4]string
	copy(key[:], pairs)
	return l.cache.of(key, func(int) (*label, bool) { return newLabel(key[:len(pairs)]...), true })
}

// maxSeries bounds the transitions with attributes of their own.
const maxSeries = 1000

// transitions are the labels of a machine's transitions.
type transitions[S comparable] struct{ cache[transition[S]] }

type transition[S comparable] struct {
	from, to S
	outcome  string
}

func (t *transitions[S]) of(from, to S, err error) *label {
	key := transition[S]{from, to, fsm.Outcome(err)}
	return t.cache.of(key, func(n int) (*label, bool) {
		if n >= maxSeries {
			return newLabel("from", "other", "to", "other", "outcome", key.outcome), false
		}
		return newLabel("from", fmt.Sprint(from), "to", fmt.Sprint(to), "outcome", key.outcome), true
	})
}
