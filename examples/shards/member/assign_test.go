package member

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

// In any fleet, every shard has a member, no member has more than one shard more than another, and
// the order of the names does not matter. When a member leaves, of the shards of the others most stay.
func TestAssign(t *testing.T) {
	if owner := assign(3, nil); !slices.Equal(owner, []string{"", "", ""}) {
		t.Errorf("without members: %q", owner)
	}
	for size := 1; size <= 80; size++ {
		members := make([]string, size)
		for i := range members {
			members[i] = fmt.Sprintf("member-%d.1", 4000+i)
		}
		const shards = 64
		owner := assign(shards, members)
		count := make(map[string]int)
		for _, m := range owner {
			count[m]++
		}
		for _, m := range members {
			if n := count[m]; n < shards/size || n > (shards+size-1)/size {
				t.Errorf("%d members: %s has %d", size, m, n)
			}
		}
		if count[""] > 0 {
			t.Errorf("%d members: %d shards have none", size, count[""])
		}
		rand.Shuffle(size, func(i, j int) { members[i], members[j] = members[j], members[i] })
		if again := assign(shards, members); !slices.Equal(owner, again) {
			t.Errorf("%d members in another order: %q, not %q", size, again, owner)
		}
		if size < 2 {
			continue
		}
		gone := members[0]
		moved := 0
		for shard, m := range assign(shards, members[1:]) {
			if owner[shard] != gone && owner[shard] != m {
				moved++
			}
		}
		if stay := shards - count[gone]; moved > stay/2 {
			t.Errorf("%d members: without one, %d of the %d shards of the others move", size, moved, stay)
		}
	}
}
