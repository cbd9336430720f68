package memstore

// maxRecent limits the nonces of ended creates to about a megabyte.
const maxRecent = 1 << 14

// recent is a set that forgets its oldest element when it is full.
type recent[T comparable] struct {
	set  map[T]struct{}
	ring []T
	next int // index that is overwritten next once the ring is full
}

func newRecent[T comparable]() recent[T] {
	return recent[T]{set: make(map[T]struct{})}
}

func (n *recent[T]) has(v T) bool {
	_, ok := n.set[v]
	return ok
}

func (n *recent[T]) add(v T) {
	if n.has(v) {
		return
	}
	n.set[v] = struct{}{}
	if len(n.ring) < maxRecent {
		n.ring = append(n.ring, v)
		return
	}
	delete(n.set, n.ring[n.next])
	n.ring[n.next] = v
	n.next = (n.next + 1) % maxRecent
}
