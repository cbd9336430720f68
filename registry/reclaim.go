package registry

import (
	"fmt"
	"slices"
	"strings"

	"github.com/leasehold-go/leasehold/store"
)

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

var policies = []string{ReclaimNever: "never", ReclaimDead: "dead", ReclaimName: "name"}

// String returns the policy in a word: never, dead or name.
func (r Reclaim) String() string {
	if int(r) < len(policies) {
		return policies[r]
	}
	return "invalid"
}

// MarshalText implements [encoding.TextMarshaler], so that a policy can be a flag or
// stand in a configuration.
func (r Reclaim) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// UnmarshalText implements [encoding.TextUnmarshaler]. It fails with
// *[store.InvalidError] for a word that is no policy.
func (r *Reclaim) UnmarshalText(text []byte) error {
	i := slices.Index(policies, string(text))
	if i < 0 {
		return &store.InvalidError{
			What: "reclaim policy", Got: fmt.Sprintf("%q", text),
			Rule: "must be one of " + strings.Join(policies, ", "),
		}
	}
	*r = Reclaim(i)
	return nil
}

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
