package feed

import (
	"context"
	"maps"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/leasehold-go/leasehold/store"
)

// A reader that is slow is told that there was more than the hub keeps.
func TestKeysTellsOfLostMarks(t *testing.T) {
	for name, lose := range map[string]func(*Hub){
		"too many": func(h *Hub) {
			for i := range maxDirty + 1 {
				h.Mark(strconv.Itoa(i), store.CauseDeleted)
			}
		},
		"missed": (*Hub).Missed,
	} {
		t.Run(name, func(t *testing.T) {
			var h Hub
			ctx, stop := context.WithCancel(t.Context())
			defer stop()
			var marking sync.WaitGroup
			marking.Go(func() {
				for ; ctx.Err() == nil; time.Sleep(time.Millisecond) {
					h.Mark("first", store.CauseDeleted)
				}
			})
			got := make(map[string]bool)
			for key := range h.Keys(t.Context()) {
				if key == "first" && ctx.Err() == nil {
					stop()
					marking.Wait()
					lose(&h)
					h.Mark("last", store.CauseDeleted)
				}
				if got[key] = true; got["last"] {
					break
				}
			}
			if !got[""] {
				t.Errorf("yielded %v, and nothing of the lost marks", got)
			}
		})
	}
}

// The reader of a burst is woken for its first mark and once for the rest.
func TestKeysGathersABurst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var h Hub
		keys := h.Keys(t.Context())
		h.Mark("first", store.CauseDeleted)
		began, got := time.Now(), make(map[string]time.Duration)
		for key := range keys {
			got[key] = time.Since(began)
			if key == "first" {
				for _, next := range []string{"second", "third"} {
					h.Mark(next, store.CauseDeleted)
				}
			}
			if len(got) == 3 {
				break
			}
		}
		if want := map[string]time.Duration{"first": 0, "second": moment, "third": moment}; !maps.Equal(got, want) {
			t.Errorf("got %v, want %v", got, want)
		}
	})
}
