package redisstore

import "strconv"

// layout is where a store puts what lies beside its keys.
type layout struct {
	root    string // begins every name
	slotted bool   // one index for each slot, and not one for all
	single  string // that one
	channel any    // a string, boxed once and not for each call; see doc.go, "Watching"
}

// names are the three names of a record.
type names struct {
	key, fence, index string
}

// newLayout returns the layout for a database. Only a Cluster needs an index in
// each slot: a single server would have to be asked 16384 times for one list.
func newLayout(root string, database int, clustered bool) layout {
	return layout{
		root:    root,
		slotted: clustered,
		single:  root + "index",
		channel: root + strconv.Itoa(database) + ":changes",
	}
}

// of returns the names of the record under a key, all in the key's slot.
func (l layout) of(key string) names {
	slot := slotOf(key)
	return names{
		key:   key,
		fence: l.root + "{" + tags()[slot] + "}:f:" + key,
		index: l.index(slot),
	}
}

func (l layout) index(slot int) string {
	if !l.slotted {
		return l.single
	}
	return l.root + "{" + tags()[slot] + "}:index"
}

// indices returns every index there can be.
func (l layout) indices() []string {
	if !l.slotted {
		return []string{l.single}
	}
	all := make([]string, slots)
	for slot := range all {
		all[slot] = l.index(slot)
	}
	return all
}
