package fsm

import (
	"context"
	"sync/atomic"
)

// visit is the context in which user code runs during one turn of a machine. It
// is how a call from inside that code is recognised: by what the caller was
// given, and never by the goroutine on which it runs.
type visit struct {
	context.Context
	turn *turn
	over atomic.Bool
}

// visit begins one. Whoever has the turn ends it before giving the turn away.
func (t *turn) visit(ctx context.Context) *visit { return &visit{Context: ctx, turn: t} }

func (v *visit) end() { v.over.Store(true) }

// Value answers for its own turn with the visit itself.
func (v *visit) Value(key any) any {
	if key == any(v.turn) {
		return v
	}
	return v.Context.Value(key)
}

// within reports whether ctx comes from user code that the present turn runs.
// A context that outlived its turn does not count.
func (t *turn) within(ctx context.Context) bool {
	v, ok := ctx.Value(t).(*visit)
	return ok && !v.over.Load()
}
