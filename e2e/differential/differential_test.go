package differential_test

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/leasehold-go/leasehold/e2e/backends"
	"github.com/leasehold-go/leasehold/internal/full"
	"github.com/leasehold-go/leasehold/store"
)

// lanes is how many programmes run at the same time, on the same servers.
const lanes = 16

// start starts the backends. The others are compared with the first; where another
// program takes part the second is the first.
func start(t *testing.T) []*backend {
	names := []string{"memory", "redis", "etcd"}
	var all []*backend
	for i, p := range backends.Together(t, names...) {
		b := &backend{names[i], [2]store.Store{p.Open(), p.Open()}, p.Outsider, store.CapabilitiesOf(p.Open())}
		if b.caps.MinTTL > brief {
			t.Fatalf("%s grants no ttl below %v", b.name, b.caps.MinTTL)
		}
		all = append(all, b)
	}
	return all
}

// with returns the backends on which a programme can run.
func with(all []*backend, outsider bool) (some []*backend) {
	for _, b := range all {
		if b.outsider != nil || !outsider {
			some = append(some, b)
		}
	}
	return some
}

// hunt runs random programmes, and counts those that ran to their end and those for
// which the machine was too slow. All stop at the first difference.
type hunt struct {
	whole, cut atomic.Int64
	differed   atomic.Bool
	shortest   *programme // that differs; nil if none did
}

func newHunt(t rapid.TB, all []*backend, lanes int) *hunt {
	h := new(hunt)
	var running sync.WaitGroup
	for range lanes {
		running.Go(func() {
			rapid.Check(t, func(rt *rapid.T) {
				if !h.differed.Load() {
					h.check(rt, all)
				}
			})
		})
	}
	running.Wait()
	return h
}

func (h *hunt) check(rt *rapid.T, all []*backend) {
	some := with(all, false)
	outsider := len(with(all, true)) > 1 && rapid.Bool().Draw(rt, "another program takes part")
	if outsider {
		some = with(all, true)
	}
	p := draw(rt, some, outsider)
	switch {
	case p.story != "" && h.differed.CompareAndSwap(false, true):
		h.shortest = shortest(some, p)
	case p.over:
		h.cut.Add(1)
	default:
		h.whole.Add(1)
	}
}

func TestBackendsDoNotDiffer(t *testing.T) {
	full.Only(t)
	h := newHunt(t, start(t), lanes)
	whole, cut := h.whole.Load(), h.cut.Load()
	t.Logf("%d programmes ran to their end; the machine was too slow for %d", whole, cut)
	switch {
	case h.shortest != nil:
		t.Errorf("a programme on which the backends differ:\n%s", h.shortest)
	case whole == 0:
		t.Error("the machine is too slow: no programme ran to its end")
	}
}

// Programmes on which backends once differed, as they were printed.
func TestProgrammesThatDiffered(t *testing.T) {
	all := start(t)
	for name, programme := range map[string]func(*programme){
		"a create after its delete": func(p *programme) {
			p.deleteByNonce(1, "a")
			p.create(1, "a", long)
			p.look()
		},
		"a create that was granted, cut short when it comes again": func(p *programme) {
			for n := range 30 {
				key := keys[n%3]
				p.create(n+1, key, brief)
				p.within(time.Duration(n+1) * 100 * time.Microsecond)
				p.create(n+1, key, brief)
				if n%3 == 2 {
					p.pass(1)
					p.create(n+1, key, brief)
					p.look()
					p.delete(n - 1)
					p.delete(n)
					p.delete(n + 1)
				}
			}
		},
		"a record that another process renews and this one writes, while this one keeps others": func(p *programme) {
			p.create(1, "a*", long)
			p.create(4, "ab", brief)
			p.create(6, "a", brief)
			p.pass(4)
			p.renew(write{1, 0}, write{4, 1})
			p.renew(write{6, 0})
			p.pass(4)
			p.renew(write{6, 0})
			p.update(4, 2)
			p.pass(3) // the first end of ab is over
			p.renew(write{6, 0})
			p.look()
		},
	} {
		t.Run(name, func(t *testing.T) {
			p := run(all, []step{{do: programme}})
			if p.story != "" {
				t.Error(p)
			}
		})
	}
}
