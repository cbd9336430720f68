package storetest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/leasehold-go/leasehold/store"
)

// checkWatches runs random writers in rounds. After each round every watch, whenever
// it began, must equal List.
func (h Harness) checkWatches(t *testing.T) {
	h.property(t, max(1, h.Programmes/4), func(t *testing.T, f Fixture, rt *rapid.T, prefix string) {
		d := &rounds{T: rt, trial: &trial{T: t, Fixture: f, law: watchLaw.text, virtual: h.Virtual,
			caps: store.CapabilitiesOf(f.Store), ttl: h.TTL}, prefix: prefix}
		defer d.stop()
		for range rapid.IntRange(1, 4).Draw(rt, "rounds") {
			d.round()
		}
	})
}

// rounds is one check of that property.
type rounds struct {
	*rapid.T
	*trial
	prefix   string
	watchers []*watcher
	stops    []func()
	writers  [3]writer
}

func (d *rounds) stop() {
	for _, stop := range d.stops {
		stop()
	}
}

func (d *rounds) round() {
	if rapid.Bool().Draw(d.T, "a watch begins") || len(d.watchers) == 0 {
		prefix := d.prefix + rapid.SampledFrom([]string{"", "a", "ab"}).Draw(d.T, "prefix")
		d.watchers = append(d.watchers, d.begin(prefix))
	}
	var plans [3][]operation
	for i := range plans {
		plans[i] = rapid.SliceOfN(operations, 0, 10).Draw(d.T, "writer")
	}
	cut := d.Cut != nil && rapid.Bool().Draw(d.T, "connections are cut")

	var all sync.WaitGroup
	for i, plan := range plans {
		w := &d.writers[i]
		w.store = d.Store
		if i == 1 {
			w.store = d.peer()
		}
		all.Go(func() {
			for _, op := range plan {
				w.do(d.trial, d.prefix, op)
			}
		})
	}
	if cut {
		d.Cut()
	}
	all.Wait()

	for i := range d.watchers {
		d.awaitEqual(&d.watchers[i])
	}
}

func (d *rounds) begin(prefix string) *watcher {
	w, stop := watch(d.trial.Context(), d.Store, prefix)
	d.stops = append(d.stops, stop)
	return w
}

// awaitEqual waits until the view of a watch equals the records that List yields. A watch
// that fails before its first EventSynced is replaced by a new one.
func (d *rounds) awaitEqual(at **watcher) {
	var fault string
	var listed time.Duration
	equal := eventually(d.timeout(), func() bool {
		if !d.virtual {
			time.Sleep(listed) // it may be a lot of work, which holds up what it waits for
		}
		began := time.Now()
		defer func() { listed = time.Since(began) }()
		var again bool
		(*at).inspect(func(v *view) {
			fault = d.fault(v)
			again = v.synced == 0 && errors.Is(v.err, store.ErrUnavailable)
		})
		if again {
			*at = d.begin((*at).view.prefix)
		}
		return fault == ""
	})
	if w := *at; !equal {
		var events string
		w.inspect(func(v *view) { events = fmt.Sprintf("watch of %q: %s", v.prefix, lastEvents(v.events)) })
		panic(difference(fmt.Sprintf("a quiet watch does not equal List: %s\n\tlast events of the %s\n\tbreaks the law: %s", fault, events, d.law)))
	}
}

func (d *rounds) fault(v *view) string {
	listed, err := collect(d.Store.List(d.trial.Context(), v.prefix))
	switch {
	case err != nil:
		return "List: " + err.Error()
	case v.fault != "" || v.err != nil:
		return fmt.Sprint("the watch ", v.fault, v.err)
	case v.synced == 0:
		return "the watch is not synced"
	}
	return v.differs(listed)
}

// operation is one step of a writer.
type operation struct {
	Verb string
	Key  string
	Long bool // a lease that the step begins does not expire
}

var operations = rapid.Custom(func(rt *rapid.T) operation {
	return operation{
		Verb: rapid.SampledFrom([]string{"create", "create", "update", "renew with a value", "renew", "delete", "sleep"}).Draw(rt, "verb"),
		Key:  rapid.SampledFrom([]string{"a", "ab", "abc", "b"}).Draw(rt, "key"),
		Long: rapid.Bool().Draw(rt, "long"),
	}
})

// writer is a process that holds some keys. It ignores the errors of its calls, so it
// goes on to write with leases that it has lost.
type writer struct {
	store  store.Store
	leases map[string]*lease
	seq    uint64
}

func (w *writer) do(c *trial, prefix string, op operation) {
	ctx := context.WithoutCancel(c.Context())
	key := prefix + op.Key
	t := w.leases[key]
	w.seq++
	switch {
	case op.Verb == "sleep":
		time.Sleep(c.ttl / 4)
	case op.Verb == "create":
		claim := claim(key, c.ttl)
		if op.Long {
			claim.TTL = long
		}
		grant, err := w.store.Create(ctx, claim)
		if err != nil {
			return
		}
		if w.leases == nil {
			w.leases = make(map[string]*lease)
		}
		w.leases[key] = &lease{Claim: claim, Grant: grant}
	case t == nil:
	case op.Verb == "update":
		w.store.Update(ctx, t.update(w.seq, fmt.Sprint("value ", w.seq)))
	case op.Verb == "renew with a value":
		w.store.Renew(ctx, []store.Renewal{t.renewalWith(w.seq, fmt.Sprint("value ", w.seq))})
	case op.Verb == "renew":
		w.store.Renew(ctx, []store.Renewal{t.renewal()})
	case op.Verb == "delete":
		w.store.Delete(ctx, key, byToken(*t))
	}
}
