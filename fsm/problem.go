package fsm

import (
	"fmt"
	"slices"
	"strings"
)

// DefinitionError says everything that is wrong with a definition.
type DefinitionError struct {
	// Problems are sentences that name the states, sorted, without duplicates.
	Problems []string
}

func (e *DefinitionError) Error() string {
	return "bad definition: " + strings.Join(e.Problems, "; ")
}

// problems collects what is wrong, in any order.
type problems []string

func (p *problems) add(format string, args ...any) {
	*p = append(*p, fmt.Sprintf(format, args...))
}

func (p problems) err() error {
	if len(p) == 0 {
		return nil
	}
	slices.Sort(p) // tables are maps: the order of discovery is not stable
	return &DefinitionError{Problems: slices.Compact(p)}
}

// names is how several states stand in a message.
func names[S comparable](states []S) string { return strings.Join(printed(states), ", ") }

func printed[S comparable](states []S) []string {
	labels := make([]string, len(states))
	for i, s := range states {
		labels[i] = label(s)
	}
	return labels
}
