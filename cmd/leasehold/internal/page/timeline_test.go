package page

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/leasehold-go/leasehold/fsm"
	"github.com/leasehold-go/leasehold/registry"
	"github.com/leasehold-go/leasehold/store"
)

// The holders of a key have clocks of their own. Whatever these say, a time has one state: that of the
// later entry.
func TestPartsOfATimelineDoNotOverlap(t *testing.T) {
	kinds := []registry.LogKind{registry.LogRegistered, registry.LogTransition, registry.LogLeft, registry.LogLost}
	for seed := range uint64(5000) {
		draw := rand.New(rand.NewPCG(seed, 0))
		begin := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
		at, position := begin, store.LogPosition{Token: 1}
		var entries []registry.LogEntry
		for i := range 1 + draw.IntN(12) {
			at = at.Add(time.Duration(draw.IntN(130)-30) * time.Second)
			position.Number++
			e := registry.LogEntry{At: at, Kind: kinds[draw.IntN(len(kinds))]}
			switch e.Kind {
			case registry.LogRegistered:
				position = store.LogPosition{Token: position.Token + 1, Number: 1}
			case registry.LogTransition:
				e.Transition = &fsm.Transition[string]{From: "idle", To: fmt.Sprint("state ", i)}
			}
			e.LogPosition = position
			entries = append(entries, e)
		}
		last := row{Token: digits(position.Token), State: "idle"}
		if draw.IntN(2) == 0 {
			last.Gone = &gone{At: moment{at.Add(time.Second)}}
		}
		end := begin.Add(2 * time.Hour)
		var before time.Time
		for _, p := range merge(clip(parts(entries, last, moment{end}), begin, end), time.Second) {
			if p.From.Before(before) || !p.From.Before(p.To.Time) {
				t.Fatalf("seed %d: a part from %v to %v, behind one to %v", seed, p.From.Time, p.To.Time, before)
			}
			before = p.To.Time
		}
	}
}
