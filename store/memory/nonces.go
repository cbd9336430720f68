package memstore

import "github.com/leasehold-go/leasehold/store"

// maxNonces limits the nonces of ended creates to about a megabyte.
const maxNonces = 1 << 14

// nonces is a set that forgets its oldest element when it is full.
type nonces struct {
	set  map[store.Nonce]struct{}
	ring []store.Nonce
	next int // index that is overwritten next once the ring is full
}

func newNonces() nonces {
	return nonces{set: make(map[store.Nonce]struct{})}
}

func (n *nonces) has(v store.Nonce) bool {
	_, ok := n.set[v]
	return ok
}

func (n *nonces) add(v store.Nonce) {
	if n.has(v) {
		return
	}
	n.set[v] = struct{}{}
	if len(n.ring) < maxNonces {
		n.ring = append(n.ring, v)
		return
	}
	delete(n.set, n.ring[n.next])
	n.ring[n.next] = v
	n.next = (n.next + 1) % maxNonces
}
