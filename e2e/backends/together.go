package backends

import (
	"iter"
	"sync"
	"testing"

	"github.com/leasehold-go/leasehold/internal/full"
)

// Together starts the named backends and returns a place on each, in that order, for
// a test that compares them.
func Together(t testing.TB, names ...string) []*Place {
	t.Helper()
	var places []*Place
	for _, name := range names {
		places = append(places, named(t, name).start(t).place(t))
	}
	return places
}

// turns bounds for how many tests servers run at the same time.
var turns = make(chan struct{}, 12)

// Apart runs a test on a fresh server of each of the named backends, beside other
// tests: all wait most of the time. With -short it is on Redis alone, which starts
// sooner than an etcd.
func Apart(t *testing.T, names iter.Seq[string], test func(t *testing.T, name string, p *Place)) {
	t.Helper()
	t.Parallel()
	var all sync.WaitGroup
	for name := range names {
		all.Go(func() {
			turns <- struct{}{}
			defer func() { <-turns }()
			t.Run(name, func(t *testing.T) {
				if name != "redis" {
					full.Only(t)
				}
				test(t, name, Together(t, name)[0])
			})
		})
	}
	all.Wait()
}
