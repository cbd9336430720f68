package memstore_test

import (
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/leasehold-go/leasehold/store"
	memstore "github.com/leasehold-go/leasehold/store/memory"
)

// Package feed tests the law of a watch; this test checks that the store marks every
// change.
func TestWatchYieldsEachChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := memstore.New()
		start := time.Now()
		old := create(t, st, claim("a1"))
		var got []string
		go func() {
			for e, err := range st.Watch(t.Context(), "a") {
				if err != nil {
					return
				}
				line := fmt.Sprintf("%v %v", time.Since(start), e.Kind)
				switch e.Kind {
				case store.EventPut:
					line += fmt.Sprintf(" %s=%s", e.Record.Key, e.Record.Value)
				case store.EventGone:
					line += fmt.Sprintf(" %s %v", e.Record.Key, e.Cause)
				}
				got = append(got, line)
			}
		}()
		step := func(do func()) {
			time.Sleep(time.Second)
			do()
			synctest.Wait()
		}
		synctest.Wait()
		var token store.Token
		step(func() { token = create(t, st, claim("a2")) })
		step(func() { _ = update(st, "a2", token, 1, "second") })
		step(func() { _, _ = renew(st, "a2", token, 2, "third") })
		step(func() { _, _ = renew(st, "a2", token, 0, "") }) // not a change
		step(func() { create(t, st, claim("b")) })            // not under the prefix
		step(func() { _ = st.Delete(t.Context(), "a1", store.ByToken(old)) })
		step(func() { _ = st.Delete(t.Context(), "a1", store.ByToken(old)) }) // already deleted
		time.Sleep(2 * ttl)
		synctest.Wait()
		want := []string{
			"0s put a1=first", "0s synced",
			"1s put a2=first", "2s put a2=second", "3s put a2=third",
			"6s gone a1 deleted",
			"14s gone a2 expired",
		}
		if !slices.Equal(got, want) {
			t.Errorf("got  %q\nwant %q", got, want)
		}
	})
}
