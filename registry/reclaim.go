package registry

import (
	"fmt"
	"slices"
	"strings"

	"github.com/leasehold-go/leasehold/store"
)

// Reclaim is a policy: when Register may delete the record of another instance. If that instance
// is still alive, its next write fails with [store.ErrLost].
type Reclaim uint8

const (
	// ReclaimNever never deletes a record.
	ReclaimNever Reclaim = iota
	// ReclaimDead deletes a record if its process ran in the same boot, the same PID namespace
	// and the same time namespace as this process, and no process with its id and start time
	// exists. If any of these is unknown, as on platforms other than Linux, it keeps the
	// record. The package documentation names the limits under Reclaim after a crash.
	ReclaimDead
	// ReclaimName deletes a record of the same [Config.Instance], even if its process is alive.
	// At any time only one process may use a name, as in a StatefulSet.
	ReclaimName
)

var policies = []string{ReclaimNever: "never", ReclaimDead: "dead", ReclaimName: "name"}

// String returns never, dead or name.
func (r Reclaim) String() string {
	if int(r) < len(policies) {
		return policies[r]
	}
	return "invalid"
}

// MarshalText implements [encoding.TextMarshaler], for flags and configuration files.
func (r Reclaim) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// UnmarshalText implements [encoding.TextUnmarshaler]. It fails with
// *[store.InvalidError] for any other word.
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

// allows reports whether an instance with the identity self may delete a record.
func (r Reclaim) allows(self Identity, other store.Record) bool {
	theirs, ok := decodePart(other.Value)
	switch {
	case !ok:
		return false
	case r == ReclaimDead:
		return isDead(theirs.Process)
	case r == ReclaimName:
		return theirs.Instance == self.Instance
	}
	return false
}
