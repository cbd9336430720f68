package member

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"slices"
)

// assign returns the member of each shard. All that see the same members agree. The members have equal
// numbers of shards, or one more. A shard goes to the member with the highest hash for it that still
// has room, so that most shards stay where they are when a member joins or leaves.
func assign(shards int, members []string) []string {
	if len(members) == 0 {
		return make([]string, shards)
	}
	members = slices.Sorted(slices.Values(members))
	owner := make([]string, shards)
	count := make(map[string]int)
	least, more := shards/len(members), shards%len(members) // more members have one more than least
	for shard := range owner {
		var highest uint64
		for _, m := range members {
			if count[m] > least || count[m] == least && more == 0 {
				continue
			}
			if h := hash(m, shard); owner[shard] == "" || h > highest {
				owner[shard], highest = m, h
			}
		}
		if count[owner[shard]]++; count[owner[shard]] > least {
			more--
		}
	}
	return owner
}

// hash is the same in every process.
func hash(member string, shard int) uint64 {
	sum := sha256.Sum256(fmt.Appendf(nil, "%d %s", shard, member))
	return binary.BigEndian.Uint64(sum[:])
}
