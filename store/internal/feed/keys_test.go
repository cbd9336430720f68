package feed

import (
	"context"
	"strconv"
	"sync"
	"testing"
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
