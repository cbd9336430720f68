// Package account keeps account of the events of a watch, so that tests can compare it with
// a list: once all is quiet the two are equal, whatever happened on the way.
package account

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"
	"testing"
	"time"

	"github.com/leasehold-go/leasehold/store"
)

// patience is how long a watch may take to tell of a listed record.
const patience = time.Minute

// Account has the records that a watch has told of.
type Account struct {
	t      testing.TB
	prefix string

	mu      sync.Mutex
	records map[string]string // value and token by key
	resyncs int
	synced  int
	err     error // that ended the watch
}

// Keep watches a prefix until the test ends, and returns once the first account is
// complete. The watch must not end before.
func Keep(t testing.TB, st store.Store, prefix string) *Account {
	t.Helper()
	a := &Account{t: t, prefix: prefix, records: make(map[string]string)}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		for e, err := range st.Watch(ctx, prefix) {
			a.take(e, err)
		}
	}()
	t.Cleanup(func() {
		cancel()
		<-done
		if !errors.Is(a.err, context.Canceled) {
			t.Errorf("the watch ended with %v", a.err)
		}
	})
	for late := time.Now().Add(patience); ; time.Sleep(2 * time.Millisecond) {
		if _, synced := a.Counts(); synced > 0 {
			return a
		}
		if time.Now().After(late) {
			t.Fatalf("no account of %q within %v", prefix, patience)
		}
	}
}

func (a *Account) take(e store.Event, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	switch {
	case err != nil:
		a.err = err
	case e.Kind == store.EventPut:
		a.records[e.Record.Key] = shown(e.Record)
	case e.Kind == store.EventGone:
		delete(a.records, e.Record.Key)
	case e.Kind == store.EventResync:
		a.resyncs++
	case e.Kind == store.EventSynced:
		a.synced++
	}
}

func shown(r store.Record) string { return fmt.Sprintf("%s (%d)", r.Value, r.Token) }

// Counts returns how often the watch has said that it missed something, and that it
// is complete.
func (a *Account) Counts() (resyncs, synced int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.resyncs, a.synced
}

func (a *Account) told() map[string]string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return maps.Clone(a.records)
}

// Equals waits until the account equals the list of another store.
func (a *Account) Equals(when string, other store.Store) {
	a.t.Helper()
	for late := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
		told, listed := a.told(), a.listed(other)
		if maps.Equal(told, listed) {
			return
		}
		if time.Now().After(late) {
			a.t.Fatalf("%s: the watch told of %v, the list is %v", when, told, listed)
		}
	}
}

func (a *Account) listed(st store.Store) map[string]string {
	a.t.Helper()
	all := make(map[string]string)
	for r, err := range st.List(a.t.Context(), a.prefix) {
		if err != nil {
			a.t.Fatal(err)
		}
		all[r.Key] = shown(r)
	}
	return all
}
