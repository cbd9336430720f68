package leaseholdotel

import (
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/leasehold-go/leasehold/observe/internal/series"
)

// label is a set of attributes, ready for use: to make one costs more than to count.
type label struct {
	add    []metric.AddOption
	record []metric.RecordOption
}

// newLabel makes a label of names and values in turn.
func newLabel(pairs ...string) *label {
	var attrs []attribute.KeyValue
	for i := 0; i < len(pairs); i += 2 {
		attrs = append(attrs, attribute.String(pairs[i], pairs[i+1]))
	}
	set := metric.WithAttributeSet(attribute.NewSet(attrs...))
	return &label{[]metric.AddOption{set}, []metric.RecordOption{set}}
}

// newTransition makes the label of a transition.
func newTransition(from, to, outcome string) *label {
	return newLabel("from", from, "to", to, "outcome", outcome)
}

// labels are labels of one or two words from short lists.
type labels struct {
	known series.Cache[[4]string, *label]
}

func (l *labels) of(pairs ...string) *label {
	var key [4]string
	copy(key[:], pairs)
	return l.known.Of(key, func(int) (*label, bool) { return newLabel(key[:len(pairs)]...), true })
}
