package storetest

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/leasehold-go/leasehold/store"
)

// view is what a reader of a watch holds who applies each event in order.
type view struct {
	prefix  string
	records map[string]store.Record
	events  []store.Event
	synced  int
	err     error  // the last thing
	fault   string // what no watch may tell
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

// check says what is wrong with an event that comes after those before.
func (v *view) check(e store.Event) string {
	was, told := v.records[e.Record.Key]
	r := e.Record
	switch {
	case e.Kind < store.EventPut || e.Kind > store.EventResync:
		return fmt.Sprintf("tells of a kind %d", e.Kind)
	case v.synced == 0 && (e.Kind == store.EventGone || e.Kind == store.EventResync):
		return fmt.Sprintf("tells %v before it is synced", e.Kind)
	case v.synced == 0 && e.Kind == store.EventPut && told:
		return fmt.Sprintf("tells %q twice before it is synced", r.Key)
	case e.Kind == store.EventPut && !strings.HasPrefix(r.Key, v.prefix):
		return fmt.Sprintf("tells of %q, which is not under the prefix %q", r.Key, v.prefix)
	case e.Kind == store.EventPut && !r.Foreign() && (len(r.Value) == 0 || r.Left <= 0 || r.Left == store.Forever):
		return fmt.Sprintf("puts no whole record under %q: %s", r.Key, show(r))
	case e.Kind == store.EventPut && !r.Foreign() && told && r.Token < was.Token:
		return fmt.Sprintf("puts token %d under %q after token %d", r.Token, r.Key, was.Token)
	case e.Kind == store.EventGone && (r.Value != nil || r.Left != 0):
		return fmt.Sprintf("tells more than key and token of a record that is gone: %s", show(r))
	case e.Kind == store.EventGone && told && r.Token != was.Token:
		return fmt.Sprintf("tells token %d of %q gone, it had put token %d", r.Token, r.Key, was.Token)
	}
	return ""
}

// watcher is a goroutine that reads a watch.
type watcher struct {
	ended chan struct{} // closed by the goroutine, after which view is the caller's
	mu    sync.Mutex
	view  view
}

// watch starts a watcher and stops it when the case ends.
func (c *trial) watch(ctx context.Context, st store.Store, prefix string) *watcher {
	w, stop := watch(ctx, st, prefix)
	c.Cleanup(stop)
	return w
}

func watch(ctx context.Context, st store.Store, prefix string) (w *watcher, stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	w = &watcher{ended: make(chan struct{}), view: view{prefix: prefix, records: make(map[string]store.Record)}}
	go func() {
		defer close(w.ended)
		for e, err := range st.Watch(ctx, prefix) {
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

// look calls f with the view as it is.
func (w *watcher) look(f func(*view)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	f(&w.view)
}

// await waits until a watch has told what it has to.
func (c *trial) await(w *watcher, what string, ok func(*view) bool) {
	c.Helper()
	c.awaitFor(c.patience(), w, what, ok)
}

func (c *trial) awaitFor(patience time.Duration, w *watcher, what string, ok func(*view) bool) {
	c.Helper()
	var done bool
	eventually(patience, func() bool {
		w.look(func(v *view) { done = v.fault != "" || v.err != nil || ok(v) })
		return done || c.ranOut() != ""
	})
	w.look(func(v *view) {
		switch {
		case v.fault != "":
			c.broke("the watch %s", v.fault)
		case v.err != nil:
			c.broke("the watch is over: %v", v.err)
		case !done:
			c.broke("a watch that %s: not within %v; it told %s", what, patience, tale(v.events))
		}
	})
}

// tale is the end of a list of events, in short.
func tale(events []store.Event) string {
	if len(events) == 0 {
		return "nothing"
	}
	var b strings.Builder
	for _, e := range events[max(0, len(events)-8):] {
		fmt.Fprintf(&b, "%v %q %.16q %d; ", e.Kind, e.Record.Key, e.Record.Value, e.Record.Token)
	}
	return b.String()
}

// follow starts a watch of everything and waits until it is synced.
func (c *trial) follow() *watcher {
	c.Helper()
	w := c.watch(c.Context(), c.Store, "")
	c.await(w, "tells what is there", func(v *view) bool { return v.synced == 1 })
	return w
}

// has says that a view holds a record.
func has(t term, value string) func(*view) bool {
	return func(v *view) bool {
		r, ok := v.records[t.Key]
		return ok && r.Token == t.Token && string(r.Value) == value
	}
}

// lacks says that a view holds no record under a key.
func lacks(key string) func(*view) bool {
	return func(v *view) bool {
		_, ok := v.records[key]
		return !ok
	}
}

// differs says how a view differs from what List yields.
func (v *view) differs(listed map[string]store.Record) string {
	for _, key := range sorted(listed) {
		if told, ok := v.records[key]; !ok || !same(told, listed[key]) {
			return fmt.Sprintf("%q: told %v %s, listed %s", key, ok, show(told), show(listed[key]))
		}
	}
	for _, key := range slices.Sorted(maps.Keys(v.records)) {
		if _, ok := listed[key]; !ok {
			return fmt.Sprintf("%q: told %s, not listed", key, show(v.records[key]))
		}
	}
	return ""
}

func (c *trial) wantEqualsList(w *watcher) {
	c.Helper()
	c.await(w, "equals list", func(v *view) bool {
		listed, err := collect(c.Store.List(c.Context(), v.prefix))
		return err == nil && v.differs(listed) == "" && v.synced > 0
	})
}
