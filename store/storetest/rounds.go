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

// checkWatches has random writers at work, in rounds. After each round every
// watch, whenever it began, has told what List yields.
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

// rounds is one run of that property.
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
	var plans [3][]deed
	for i := range plans {
		plans[i] = rapid.SliceOfN(deedOf(), 0, 10).Draw(d.T, "writer")
	}
	d.work(plans, d.Cut != nil && rapid.Bool().Draw(d.T, "connections are cut"))
	for i := range d.watchers {
		d.wantQuiet(&d.watchers[i])
	}
}

// work lets the writers do what they have planned, and returns when they have.
func (d *rounds) work(plans [3][]deed, cut bool) {
	var all sync.WaitGroup
	for i, plan := range plans {
		w := &d.writers[i]
		w.store = d.Store
		if i == 1 {
			w.store = d.peer()
		}
		all.Go(func() {
			for _, do := range plan {
				w.do(d.trial, d.prefix, do)
			}
		})
	}
	if cut {
		d.Cut()
	}
	all.Wait()
}

func (d *rounds) begin(prefix string) *watcher {
	w, stop := watch(d.trial.Context(), d.Store, prefix)
	d.stops = append(d.stops, stop)
	return w
}

// wantQuiet waits until a watch has told what List yields. One that met with trouble
// before it was synced may end, and begins again.
func (d *rounds) wantQuiet(at **watcher) {
	var fault string
	equal := eventually(d.patience(), func() bool {
		var again bool
		(*at).look(func(v *view) {
			fault = d.fault(v)
			again = v.synced == 0 && errors.Is(v.err, store.ErrUnavailable)
		})
		if again {
			*at = d.begin((*at).view.prefix)
		}
		return fault == ""
	})
	if w := *at; !equal {
		var told string
		w.look(func(v *view) { told = fmt.Sprintf("of %q told %s", v.prefix, tale(v.events)) })
		panic(difference(fmt.Sprintf("a watch that is quiet does not equal list: %s\n\tthe watch %s\n\tbreaks the law: %s", fault, told, d.law)))
	}
}

func (d *rounds) fault(v *view) string {
	listed, err := collect(d.Store.List(d.trial.Context(), v.prefix))
	switch {
	case err != nil:
		return "list: " + err.Error()
	case v.fault != "" || v.err != nil:
		return fmt.Sprint("the watch ", v.fault, v.err)
	case v.synced == 0:
		return "the watch is not synced"
	}
	return v.differs(listed)
}

// deed is what a writer does next.
type deed struct {
	What string
	Key  string
	Long bool // the term that it begins does not expire
}

func deedOf() *rapid.Generator[deed] {
	return rapid.Custom(func(rt *rapid.T) deed {
		return deed{
			What: rapid.SampledFrom([]string{"create", "create", "update", "renew", "beat", "delete", "nap"}).Draw(rt, "what"),
			Key:  rapid.SampledFrom([]string{"a", "ab", "abc", "b"}).Draw(rt, "key"),
			Long: rapid.Bool().Draw(rt, "long"),
		}
	})
}

// writer holds some keys. What others hold it leaves alone, and what it has lost
// it notices by itself.
type writer struct {
	store store.Store
	terms map[string]*term
	seq   uint64
}

func (w *writer) do(c *trial, prefix string, do deed) {
	ctx := context.WithoutCancel(c.Context())
	key := prefix + do.Key
	t := w.terms[key]
	w.seq++
	switch {
	case do.What == "nap":
		time.Sleep(c.ttl / 4)
	case do.What == "create":
		w.create(ctx, c, key, do.Long)
	case t == nil:
	case do.What == "update":
		w.store.Update(ctx, t.update(w.seq, fmt.Sprint("value ", w.seq)))
	case do.What == "renew":
		w.store.Renew(ctx, []store.Renewal{t.write(w.seq, fmt.Sprint("value ", w.seq))})
	case do.What == "beat":
		w.store.Renew(ctx, []store.Renewal{t.beat()})
	case do.What == "delete":
		w.store.Delete(ctx, key, byToken(*t))
	}
}

func (w *writer) create(ctx context.Context, c *trial, key string, forLong bool) {
	claim := claim(key, c.ttl)
	if forLong {
		claim.TTL = long
	}
	grant, err := w.store.Create(ctx, claim)
	if err != nil {
		return
	}
	if w.terms == nil {
		w.terms = make(map[string]*term)
	}
	w.terms[key] = &term{Claim: claim, Grant: grant}
}
