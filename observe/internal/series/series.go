// Package series keeps counters and labels of metrics ready for use: making one costs more than counting.
package series

import (
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/leasehold-go/leasehold/fsm"
)

// Cache keeps a value for each key. Its zero value is empty. A lookup takes no lock and allocates
// nothing.
type Cache[K comparable, V any] struct {
	mu    sync.Mutex                  // of writers
	known atomic.Pointer[known[K, V]] // replaced, never changed
}

// known has the values that are kept: the first in a list, all in a map.
type known[K comparable, V any] struct {
	first []pair[K, V]
	all   map[K]V
}

type pair[K comparable, V any] struct {
	key   K
	value V
}

// few is the largest number of keys for which a search is quicker than a hash.
const few = 16

// Of returns the value of a key. A new one is made by create, which is told how many are kept, and says
// whether to keep it.
func (c *Cache[K, V]) Of(key K, create func(n int) (v V, keep bool)) V {
	if k := c.known.Load(); k != nil {
		for i := range k.first {
			if k.first[i].key == key {
				return k.first[i].value
			}
		}
		if v, ok := k.all[key]; ok {
			return v
		}
	}
	return c.add(key, create)
}

func (c *Cache[K, V]) add(key K, create func(n int) (v V, keep bool)) V {
	c.mu.Lock()
	defer c.mu.Unlock()
	var last known[K, V]
	if k := c.known.Load(); k != nil {
		last = *k
	}
	if v, ok := last.all[key]; ok {
		return v
	}
	v, keep := create(len(last.all))
	if !keep {
		return v
	}
	next := &known[K, V]{first: slices.Clip(last.first), all: make(map[K]V, len(last.all)+1)}
	maps.Copy(next.all, last.all)
	next.all[key] = v
	if len(next.first) < few {
		next.first = append(next.first, pair[K, V]{key, v})
	}
	c.known.Store(next)
	return v
}

// Transitions keeps a value for each transition of a machine and its outcome.
type Transitions[S comparable, V any] struct {
	cache Cache[transition[S], V]
}

type transition[S comparable] struct {
	from, to S
	outcome  string
}

// most bounds the transitions with values of their own. The others share "other".
const most = 1000

// Of returns the value of a transition with its result. A new one is made by create, from the texts of
// the states and a word of [fsm.Outcome].
func (t *Transitions[S, V]) Of(from, to S, err error, create func(from, to, outcome string) V) V {
	key := transition[S]{from, to, fsm.Outcome(err)}
	return t.cache.Of(key, func(n int) (V, bool) {
		if n >= most {
			return create("other", "other", key.outcome), false
		}
		return create(fmt.Sprint(from), fmt.Sprint(to), key.outcome), true
	})
}
