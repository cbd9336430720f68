package store

import "time"

// Level is the meaning of a [Finding] for leases.
type Level string

// The levels, from the best to the worst.
const (
	LevelOK      Level = "ok"
	LevelUnknown Level = "unknown" // the check could not be made; Advice says how to find out
	LevelWarn    Level = "warn"    // leases are safe, but something is refused, late or at risk
	LevelUnsafe  Level = "unsafe"  // two may hold a key at once, leases end early, or the servers take none
)

// Finding is the result of one check of a store's servers. The backends return them from their
// functions Check.
type Finding struct {
	Check  string // a stable name, e.g. "persistence"
	Server string // the address of the server; empty for all of them
	Level  Level
	Seen   string // one line
	Advice string // the change to make, or where to ask; empty if there is nothing to do
}

// Usage says how a service uses a store, for the checks that depend on it.
type Usage struct {
	// Prefix begins the keys of the service. If it is empty, the rights to its keys are not
	// checked.
	Prefix string
	// TTL is the shortest time to live of its leases, at least [MinTTL].
	TTL time.Duration
}

// Check refuses a prefix that no key can have, and a TTL that is too short.
func (u Usage) Check() error {
	if err := CheckPrefix(u.Prefix); err != nil {
		return err
	}
	return CheckTTL(u.TTL, 0)
}
