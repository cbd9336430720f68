package redisstore

import "strconv"

// layout is where a store puts what lies beside its keys.
type layout struct {
	root    string // begins every name
	slotted bool   // one index for each slot, and not one for all
	single  string // that one

	changes, deletes any // names of channels, boxed once and not for each call; see doc.go, "Watching"
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
		changes: root + strconv.Itoa(database) + ":changes",
		deletes: root + strconv.Itoa(database) + ":deletes",
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

// indices returns every index that can have names which begin with prefix. Those of
// slots that lie together, and so on one server, do not stand together: what is read
// in this order has all servers at work.
func (l layout) indices(prefix string) []string {
	if !l.slotted {
		return []string{l.single}
	}
	if tag, ok := tagOf(prefix); ok {
		return []string{l.index(int(crc16(tag) % slots))}
	}
	const stride = 10_125 // odd, so that it comes to each slot once
	all := make([]string, slots)
	for i := range all {
		all[i] = l.index(i * stride % slots)
	}
	return all
}
