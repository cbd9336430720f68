package registry

import "github.com/leasehold-go/leasehold/store"

// Reclaim says when an instance takes a key away from the record that another
// left behind, instead of waiting until it is gone. The holder that it is taken
// from, should it live after all, learns so at its next write.
type Reclaim uint8

const (
	// ReclaimNever leaves every record to its ttl.
	ReclaimNever Reclaim = iota
	// ReclaimDead takes a record whose process is certain to be dead: it ran in
	// this boot of this machine and in this PID namespace, and there is no
	// process with its id and start time any more. Where that cannot be known
	// for certain the record stays. Linux only; never elsewhere.
	ReclaimDead
	// ReclaimName takes a record of the same [Config.Instance], dead or alive.
	// It is for names that whoever starts instances gives to one at a time.
	ReclaimName
)

// allows reports whether an instance may take a record away.
func (r Reclaim) allows(self Identity, other store.Record) bool {
	o, ok := decodeOwn(other.Value)
	switch {
	case !ok:
		return false
	case r == ReclaimDead:
		return o.Process.deadFor(self.Process)
	case r == ReclaimName:
		return o.Instance == self.Instance
	}
	return false
}
