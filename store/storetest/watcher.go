package storetest

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/leasehold-go/leasehold/store"
)

// view is the state of a reader that applies each event of a watch in order.
type view struct {
	prefix  string
	exact   bool // the watch is of the key alone that equals prefix
	records map[string]store.Record
	events  []store.Event
	synced  int
	err     error  // the last item of the watch
	fault   string // how the events break the contract, or ""
}

func (v *view) apply(e store.Event, err error) {
	if v.err != nil {
		v.fault = fmt.Sprintf("goes on after its error: %v %+v", err, e)
	}
	if v.err = err; err != nil {
		return
	}
	v.events = append(v.events, e)
	v.fault = cmp.Or(v.fault, v.check(e))
	switch e.Kind {
	case store.EventPut:
		v.records[e.Record.Key] = e.Record
	case store.EventGone:
		delete(v.records, e.Record.Key)
	case store.EventSynced:
		v.synced++
	}
}

// check returns how an event breaks the contract after the events before it, or "".
func (v *view) check(e store.Event) string {
	was, known := v.records[e.Record.Key]
	r := e.Record
	switch {
	case e.Kind < store.EventPut || e.Kind > store.EventResync:
		return fmt.Sprintf("yields an event of the unknown kind %d", e.Kind)
	case v.synced == 0 && (e.Kind == store.EventGone || e.Kind == store.EventResync):
		return fmt.Sprintf("yields %v before EventSynced", e.Kind)
	case v.synced == 0 && e.Kind == store.EventPut && known:
		return fmt.Sprintf("yields %q twice before EventSynced", r.Key)
	case e.Kind == store.EventPut && !strings.HasPrefix(r.Key, v.prefix):
		return fmt.Sprintf("yields %q, which is not under the prefix %q", r.Key, v.prefix)
	case e.Kind == store.EventPut && v.exact && r.Key != v.prefix:
		return fmt.Sprintf("yields %q, which is not the key %q", r.Key, v.prefix)
	case e.Kind == store.EventPut && !r.Foreign() && (len(r.Value) == 0 || r.Left <= 0 || r.Left == store.Forever):
		return fmt.Sprintf("puts an incomplete record under %q: %s", r.Key, describe(r))
	case e.Kind == store.EventPut && !r.Foreign() && known && r.Token < was.Token:
		return fmt.Sprintf("puts token %d under %q after token %d", r.Token, r.Key, was.Token)
	case e.Kind == store.EventGone && (r.Value != nil || r.Left != 0):
		return fmt.Sprintf("yields EventGone with more than key and token: %s", describe(r))
	case e.Kind == store.EventGone && known && r.Token != was.Token:
		return fmt.Sprintf("yields EventGone with token %d of %q, whose put had token %d", r.Token, r.Key, was.Token)
	}
	return ""
}

// watcher is a goroutine that reads a watch.
type watcher struct {
	ended chan struct{} // closed by the goroutine; the view then belongs to the caller
	mu    sync.Mutex
	view  view
}

// watch starts a watcher and stops it when the case ends.
func (c *trial) watch(ctx context.Context, st store.Store, prefix string) *watcher {
	w, stop := watch(ctx, st, prefix)
	c.Cleanup(stop)
	return w
}

// watchKey starts a watcher of one key, waits for its EventSynced, and stops it when the
// case ends.
func (c *trial) watchKey(st store.Store, key string) *watcher {
	c.Helper()
	v := view{prefix: key, exact: true, records: make(map[string]store.Record)}
	w, stop := read(c.Context(), v, func(ctx context.Context) iter.Seq2[store.Event, error] { return st.WatchKey(ctx, key) })
	c.Cleanup(stop)
	c.await(w, "the record and EventSynced", func(v *view) bool { return v.synced >= 1 })
	return w
}

func watch(ctx context.Context, st store.Store, prefix string) (w *watcher, stop func()) {
	v := view{prefix: prefix, records: make(map[string]store.Record)}
	return read(ctx, v, func(ctx context.Context) iter.Seq2[store.Event, error] { return st.Watch(ctx, prefix) })
}

// read starts a goroutine that applies the events of a watch to a view.
func read(ctx context.Context, v view, begin func(context.Context) iter.Seq2[store.Event, error]) (w *watcher, stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	w = &watcher{ended: make(chan struct{}), view: v}
	go func() {
		defer close(w.ended)
		for e, err := range begin(ctx) {
			w.mu.Lock()
			w.view.apply(e, err)
			w.mu.Unlock()
		}
	}()
	return w, func() {
		cancel()
		<-w.ended
	}
}

// inspect calls f with the current view.
func (w *watcher) inspect(f func(*view)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	f(&w.view)
}

// await waits until the view of a watch satisfies ok.
func (c *trial) await(w *watcher, what string, ok func(*view) bool) {
	c.Helper()
	c.awaitFor(c.timeout(), w, what, ok)
}

func (c *trial) awaitFor(timeout time.Duration, w *watcher, what string, ok func(*view) bool) {
	c.Helper()
	var done bool
	eventually(timeout, func() bool {
		w.inspect(func(v *view) { done = v.fault != "" || v.err != nil || ok(v) })
		return done || c.expiredDependency() != ""
	})
	w.inspect(func(v *view) {
		switch {
		case v.fault != "":
			c.failf("the watch %s", v.fault)
		case v.err != nil:
			c.failf("the watch ended: %v", v.err)
		case !done:
			c.failf("the watch did not yield %s within %v; last events: %s", what, timeout, lastEvents(v.events))
		}
	})
}

// lastEvents describes the end of a list of events.
func lastEvents(events []store.Event) string {
	if len(events) == 0 {
		return "nothing"
	}
	var b strings.Builder
	for _, e := range events[max(0, len(events)-8):] {
		fmt.Fprintf(&b, "%v %q %.16q %d; ", e.Kind, e.Record.Key, e.Record.Value, e.Record.Token)
	}
	return b.String()
}

// watchSynced starts a watch of every key and waits for its EventSynced.
func (c *trial) watchSynced() *watcher {
	c.Helper()
	w := c.watch(c.Context(), c.Store, "")
	c.await(w, "the records and EventSynced", func(v *view) bool { return v.synced >= 1 })
	return w
}

// hasRecord returns the condition that a view holds a record of t with the given value.
func hasRecord(t lease, value string) func(*view) bool {
	return func(v *view) bool {
		r, ok := v.records[t.Key]
		return ok && r.Token == t.Token && string(r.Value) == value
	}
}

// hasNoRecord returns the condition that a view holds no record under a key.
func hasNoRecord(key string) func(*view) bool {
	return func(v *view) bool {
		_, ok := v.records[key]
		return !ok
	}
}

// differs returns how a view differs from the records that List yields, or "".
func (v *view) differs(listed map[string]store.Record) string {
	for _, key := range sorted(listed) {
		if known, ok := v.records[key]; !ok || known.Key != key || known.Token != listed[key].Token || !bytes.Equal(known.Value, listed[key].Value) {
			return fmt.Sprintf("%q: watch %v %s, List %s", key, ok, describe(known), describe(listed[key]))
		}
	}
	for _, key := range slices.Sorted(maps.Keys(v.records)) {
		if _, ok := listed[key]; !ok {
			return fmt.Sprintf("%q: watch %s, not in List", key, describe(v.records[key]))
		}
	}
	return ""
}

func (c *trial) wantEqualsList(w *watcher) {
	c.Helper()
	c.await(w, "events that equal List", func(v *view) bool {
		listed, err := collect(c.Store.List(c.Context(), v.prefix))
		return err == nil && v.differs(listed) == "" && v.synced > 0
	})
}
