package differential_test

import (
	"slices"
	"sync"
	"time"
)

const (
	// manyTries is how often a shorter programme is run before it is taken for one
	// that does not differ.
	manyTries = 12
	// shrinkLimit is how long a shorter programme is looked for.
	shrinkLimit = 2 * time.Minute
)

// shortest cuts down a programme that differs as far as it then still does, in the
// same way. It runs many shorter ones at the same time, each several times over: rapid
// would run one after another, all of which wait, and give up on a difference that
// does not come each time.
func shortest(backends []*backend, p *programme) *programme {
	late := time.Now().Add(shrinkLimit)
	for size := len(p.steps) / 2; size > 0; {
		shorter := p.without(backends, size, 1, late)
		if shorter == nil {
			shorter = p.without(backends, size, manyTries, late)
		}
		if shorter == nil {
			size /= 2
			continue
		}
		p = shorter
	}
	return p
}

// without leaves out each run of so many steps, and returns the shortest programme that
// differs all the same, or nil.
func (p *programme) without(backends []*backend, size, tries int, late time.Time) *programme {
	var mu sync.Mutex
	var found *programme
	var all sync.WaitGroup
	slots := make(chan struct{}, 2*lanes)
	for from := 0; from < len(p.steps) && time.Now().Before(late); from += size {
		some := slices.Concat(p.steps[:from], p.steps[min(from+size, len(p.steps)):])
		for range tries {
			slots <- struct{}{}
			all.Go(func() {
				defer func() { <-slots }()
				q := run(backends, some)
				mu.Lock()
				defer mu.Unlock()
				if q.kind == p.kind && (found == nil || len(q.steps) < len(found.steps)) {
					found = q
				}
			})
		}
	}
	all.Wait()
	return found
}
