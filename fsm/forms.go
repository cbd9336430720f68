package fsm

import (
	"encoding/json"
	"fmt"

	"github.com/leasehold-go/leasehold/fsm/internal/graph"
)

// forms is the states of a definition in JSON. A definition computes it when a machine is
// first written or restored.
type forms struct {
	ids   map[string]graph.ID // by JSON, of the states that share it with no other
	alike []string            // sentences about the states that JSON does not tell apart
	// misread maps a decoded state to another state with JSON that decodes to it.
	misread map[graph.ID]graph.ID
}

// jsonForms returns the forms of d. Two calls at once may both compute them.
func (d *Definition[S]) jsonForms() *forms {
	if f := d.forms.Load(); f != nil {
		return f
	}
	f := &forms{ids: make(map[string]graph.ID, len(d.states)), misread: make(map[graph.ID]graph.ID)}
	var shared []string
	for i, s := range d.states {
		data, err := json.Marshal(s)
		if err != nil {
			continue // a write of this state fails with the error
		}
		id := graph.ID(i)
		first, taken := f.ids[string(data)]
		if !taken {
			f.ids[string(data)] = id
		}
		var decoded S
		other, known := graph.None, false
		if json.Unmarshal(data, &decoded) == nil {
			other, known = d.find(decoded)
		}
		wrong := known && other != id
		if wrong {
			f.misread[other] = id
		}
		switch {
		case taken:
			shared = append(shared, string(data))
			f.alike = append(f.alike, fmt.Sprintf("%q and %q are both %s in JSON", label(d.states[first]), label(s), data))
		case wrong:
			f.alike = append(f.alike, fmt.Sprintf("%q is %s in JSON, which is decoded as %q", label(s), data, label(d.states[other])))
		}
	}
	for _, data := range shared {
		delete(f.ids, data)
	}
	d.forms.Store(f)
	return f
}
