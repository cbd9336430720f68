package store

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"time"
)

// Definer is implemented by a [Store] that keeps definitions of state machines, for programs that
// read the records of instances and want to draw them. A definition never changes: it is under an
// id made of its content. It belongs to no key and no lease, and is in no list or watch of records.
type Definer interface {
	// PutDefinition stores a definition for ttl, unless it is there with more than half of ttl
	// left. Once it has returned nil, the definition is there for half of ttl at least. A call
	// may be repeated, also in doubt. It fails with *[ForeignError] if another program's value
	// is in the place of the definition.
	PutDefinition(ctx context.Context, definition []byte, ttl time.Duration) error
	// GetDefinition returns the definition with an id, or [ErrNotFound]. It fails with
	// *[ForeignError] for a value that is not the content of that id.
	GetDefinition(ctx context.Context, id string) ([]byte, error)
}

// DefinerOf returns the [Definer] that st is, also if st is a store of [Observe].
func DefinerOf(st Store) (d Definer, ok bool) {
	if o, observed := st.(interface{ definer() (Definer, bool) }); observed {
		return o.definer()
	}
	d, ok = st.(Definer)
	return d, ok
}

// Limits of every definition.
const (
	MaxDefinition    = 128 << 10 // bytes
	MinDefinitionTTL = time.Second
	MaxDefinitionTTL = 400 * 24 * time.Hour
)

// DefinitionID returns the id of a definition: the first half of its SHA-256, as 32 hexadecimal
// digits.
func DefinitionID(definition []byte) string {
	sum := sha256.Sum256(definition)
	return hex.EncodeToString(sum[:definitionID/2])
}

const definitionID = 32 // characters

// CheckDefinition refuses a definition that is empty or longer than [MaxDefinition] bytes, and a
// ttl that is shorter than [MinDefinitionTTL] or longer than [MaxDefinitionTTL].
func CheckDefinition(definition []byte, ttl time.Duration) error {
	switch n := len(definition); {
	case n == 0 || n > MaxDefinition:
		return &InvalidError{What: "definition", Got: fmt.Sprintf("of %d bytes", n), Rule: fmt.Sprintf("must have 1 to %d bytes", MaxDefinition)}
	case ttl < MinDefinitionTTL || ttl > MaxDefinitionTTL:
		return &InvalidError{What: "ttl of definition", Got: ttl.String(), Rule: fmt.Sprintf("must be %v to %v", MinDefinitionTTL, MaxDefinitionTTL)}
	}
	return nil
}

// CheckDefinitionID refuses an id that [DefinitionID] does not make.
func CheckDefinitionID(id string) error {
	if len(id) != definitionID || strings.Trim(id, "0123456789abcdef") != "" {
		return &InvalidError{What: "id of definition", Got: quote(id), Rule: fmt.Sprintf("must have %d hexadecimal digits", definitionID)}
	}
	return nil
}
