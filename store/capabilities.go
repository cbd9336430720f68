package store

import "time"

// Capabilities is what a backend declares about itself where backends differ.
// The laws are checked with what is declared. The zero value is the strictest.
type Capabilities struct {
	// MinTTL is the smallest time to live that it grants; zero means the
	// package's [MinTTL].
	MinTTL time.Duration
	// Precision is how much later than its ttl a record may go.
	Precision time.Duration
	// GroupExpiry says that a record's expiry counts from the last renew of
	// any key in a group which the backend makes, not of the key alone.
	GroupExpiry bool
	// TokensOutliveData says that tokens go on growing when the store has lost
	// all its data.
	TokensOutliveData bool
}

// Describer is implemented by a [Store] that declares capabilities.
type Describer interface {
	Capabilities() Capabilities
}

// CapabilitiesOf returns what st declares, or the zero value.
func CapabilitiesOf(st Store) Capabilities {
	if d, ok := st.(Describer); ok {
		return d.Capabilities()
	}
	return Capabilities{}
}
