package fsm

import "context"

// Data names a value of type D that belongs to one machine. Guards, hooks, timeouts and
// encoding reach it through their context, so one definition serves machines with
// different data:
//
//	var conn = fsm.NewData[*Conn]("conn")
//
//	fsm.Requires[State](conn)
//	fsm.Guard(Active, "connected", func(ctx context.Context, _ fsm.Transition[State]) error {
//		return conn.Of(ctx).Ping(ctx)
//	})
//	m := fsm.New(def, fsm.WithData(conn, c))
//
// Without [Requires] a machine may lack the data, and Of returns zero. Data is no part of a
// [Snapshot]. Data is compared by identity and comes from [NewData];
// its zero value is of no use.
type Data[D any] struct{ key *dataKey }

type dataKey struct{ name string }

// NewData returns a new kind of data. The name is for people, in errors.
func NewData[D any](name string) Data[D] { return Data[D]{&dataKey{name}} }

// Of returns the data of the machine that gave ctx to its user code, or the zero D if
// that machine has none; see [Requires].
func (d Data[D]) Of(ctx context.Context) D {
	v, _ := ctx.Value(d.key).(D)
	return v
}

// Requires makes [New] and [Restore] refuse a machine without the data.
func Requires[S comparable, D any](key Data[D]) Rule[S] { return Rule[S]{requiresRule{key.key}} }

type requiresRule struct{ data *dataKey }

// dataset is the data of one machine, which does not change; nil is none.
type dataset struct {
	key   *dataKey
	value any
	rest  *dataset
}

func (d *dataset) with(key *dataKey, value any) *dataset { return &dataset{key, value, d} }

func (d *dataset) of(key *dataKey) (value any, ok bool) {
	for ; d != nil; d = d.rest {
		if d.key == key {
			return d.value, true
		}
	}
	return nil, false
}
