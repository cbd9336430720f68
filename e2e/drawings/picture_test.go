package drawings_test

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/leasehold-go/leasehold/fsm"
)

// picture holds the content of a rendered drawing. Boxes are known by the names that the notation gives them,
// which are not visible: s and the place of the state in [fsm.Definition.States].
type picture struct {
	Boxes  map[string]box
	Arrows []arrow
}

type box struct {
	In             string // the box around this one
	Text           []string
	Final, Current bool
}

type arrow struct {
	From, To string // From is "start" at the initial state of the whole
	Text     []string
}

// roles is the number of names that machine needs.
const roles = 22

type moved = fsm.Transition[string]

func pass(context.Context, moved) error              { return nil }
func passed(context.Context, moved, fsm.NoArg) error { return nil }

// machine defines a machine with four levels, whose states, events, guards and timeouts have
// the given names. It returns the picture that a reader has to see if current is marked.
func machine(names []string) (def *fsm.Definition[string], shows picture, current string, err error) {
	// States; on contains inner, which contains core. Between them stand the other names, so
	// that the roles of one kind are far apart.
	off, ready, start, on, patience := names[0], names[1], names[2], names[3], names[4]
	warm, tick, inner, stop, spare := names[5], names[6], names[7], names[8], names[9]
	fresh, back, poke, core, turn := names[10], names[11], names[12], names[13], names[14]
	end, calm, deep, cold, due, away, hot := names[15], names[16], names[17], names[18], names[19], names[20], names[21]
	for _, name := range []*string{&ready, &start, &patience, &tick, &stop, &fresh, &poke, &turn, &calm, &due} {
		if *name == "" {
			*name = "not empty" // as that of a state may be
		}
	}

	for _, event := range []*string{&start, &turn, &stop, &tick, &poke} {
		*event = strings.ToValidUTF8(*event, "not UTF-8") // as that of a state may be
	}

	signal := func(name string) fsm.Signal { return fsm.NewSignal(name) }
	turned, poked := signal(turn), signal(poke)
	def, err = fsm.Define(off, fsm.Table[string]{
		off:   {on, away},
		on:    {end},
		inner: {spare},
		core:  {},
		cold:  {warm}, warm: {hot, cold}, hot: {}, spare: {core},
		back: {}, deep: {},
		away: {back, deep, end}, end: {},
	},
		fsm.Substates(on, inner, spare), fsm.Substates(inner, core, hot), fsm.Substates(core, cold, warm),
		fsm.ShallowHistory(back, on), fsm.DeepHistory(deep, inner),
		fsm.On(signal(start), fsm.From(off), on, fsm.If(ready, passed)),
		fsm.On(turned, fsm.From(off), on, fsm.If(calm, passed)),
		fsm.On(turned, fsm.From(cold), warm),
		fsm.On(turned, fsm.From(warm), hot),
		fsm.On(signal(stop), fsm.From(on), end),
		fsm.GuardEdge(off, on, fresh, pass), fsm.GuardEdge(warm, cold, calm, pass),
		fsm.Guard(end, due, pass),
		fsm.Timeout(warm, 90*time.Second, cold),
		fsm.TimeoutFunc(away, patience, func(context.Context, moved) time.Duration { return time.Second }, deep),
		fsm.Internal(signal(tick), fsm.From(inner), fsm.If(ready, passed)),
		fsm.Internal(poked, fsm.From(spare), fsm.If(due, passed)),
		fsm.Ignore(poked, fsm.From(end)),
		fsm.Self(hot),
	)
	if err != nil {
		return nil, picture{}, "", err
	}

	id := func(state string) string { return "s" + strconv.Itoa(slices.Index(def.States(), state)) }
	p := picture{Boxes: map[string]box{
		id(off):   {Text: []string{visible(off)}},
		id(on):    {Text: []string{visible(on)}},
		id(inner): {In: id(on), Text: []string{visible(inner), visible(tick) + " (internal) [" + visible(ready) + "]"}},
		id(core):  {In: id(inner), Text: []string{visible(core)}},
		id(cold):  {In: id(core), Text: []string{visible(cold)}},
		id(warm):  {In: id(core), Text: []string{visible(warm)}, Current: true},
		id(hot):   {In: id(inner), Text: []string{visible(hot)}},
		id(spare): {In: id(on), Text: []string{visible(spare), visible(poke) + " (internal) [" + visible(due) + "]"}},
		id(back):  {In: id(on), Text: []string{"H " + visible(back)}},
		id(deep):  {In: id(inner), Text: []string{"H* " + visible(deep)}},
		id(away):  {Text: []string{visible(away)}},
		id(end):   {Text: []string{visible(end), visible(poke) + " (ignored)"}, Final: true},
	}}
	arrow := func(from, to string, text ...string) {
		p.Arrows = append(p.Arrows, arrow{From: from, To: id(to), Text: text})
	}
	arrow("start", off)
	arrow(id(on), inner)
	arrow(id(inner), core)
	arrow(id(core), cold)
	arrow(id(off), on, visible(start)+" ["+visible(ready)+", "+visible(fresh)+"]", visible(turn)+" ["+visible(calm)+", "+visible(fresh)+"]")
	arrow(id(off), away)
	arrow(id(on), end, visible(stop)+" ["+visible(due)+"]")
	arrow(id(inner), spare)
	arrow(id(cold), warm, visible(turn))
	arrow(id(warm), hot, visible(turn))
	arrow(id(warm), cold, "after 1m30s ["+visible(calm)+"]")
	arrow(id(hot), hot, "(not left)")
	arrow(id(spare), core)
	arrow(id(away), back)
	arrow(id(away), deep, "after "+visible(patience))
	arrow(id(away), end, "["+visible(due)+"]")
	return def, p, warm, nil
}

// visible returns a name as the documentation of fsmdraw says that it is drawn.
func visible(name string) string {
	hidden := func(r rune) bool { return !unicode.IsPrint(r) }
	if name == "" || name[0] == ' ' || name[len(name)-1] == ' ' || !utf8.ValidString(name) || strings.ContainsFunc(name, hidden) {
		return strconv.Quote(name)
	}
	return name
}
