package store

import "time"

// Capabilities declares the properties that differ between backends. The laws hold
// within them; the zero value is the strictest.
type Capabilities struct {
	// MinTTL is the shortest time to live that the backend grants; zero means the
	// package's [MinTTL].
	MinTTL time.Duration
	// Precision is the longest delay of an expiry after the TTL.
	Precision time.Duration
	// GroupExpiry says that the backend puts records into groups, and that a record's TTL
	// counts from the last renew of any key in its group.
	GroupExpiry bool
	// TokensOutliveData says that tokens keep growing after the store has lost all its
	// data.
	TokensOutliveData bool
}

// Describer is implemented by a [Store] that declares capabilities.
type Describer interface {
	Capabilities() Capabilities
}

// CapabilitiesOf returns the capabilities that st declares, or the zero value.
func CapabilitiesOf(st Store) Capabilities {
	if d, ok := st.(Describer); ok {
		return d.Capabilities()
	}
	return Capabilities{}
}
