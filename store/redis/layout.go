package redisstore

import (
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
)

// layout has the names of everything that a store keeps beside its keys.
type layout struct {
	root    string // begins every name
	slotted bool   // one index for each slot, and not one for all
	single  string // that one

	singleArg any // the same as an argument of commands, boxed once

	channels string // begins the names of the channels
	prefix   any    // the same as an argument of scripts, boxed once
}

// names are the two names of a record, and its slot.
type names struct {
	key, fence string
	slot       int
}

// newLayout returns the layout for a database. Only a Cluster needs an index in
// each slot: a single server would have to be asked 16384 times for one list.
func newLayout(root string, database int, clustered bool) layout {
	channels := root + strconv.Itoa(database) + ":"
	single := root + "index"
	return layout{
		root:      root,
		slotted:   clustered,
		single:    single,
		singleArg: single,
		channels:  channels,
		prefix:    channels,
	}
}

// of returns the names of the record under a key, both in the key's slot.
func (l layout) of(key string) names {
	slot := slotOf(key)
	return names{key: key, fence: l.root + "{" + tags()[slot] + "}:f:" + key, slot: slot}
}

// in returns the names as of does, with that of the fence in a text that has room for it.
func (l layout) in(texts *strings.Builder, key string) names {
	slot, from := slotOf(key), texts.Len()
	for _, part := range [...]string{l.root, "{", tags()[slot], "}:f:", key} {
		texts.WriteString(part)
	}
	return names{key: key, fence: texts.String()[from:], slot: slot}
}

// index returns the name of the index that has the keys of a slot.
func (l layout) index(slot int) string {
	if !l.slotted {
		return l.single
	}
	return l.root + "{" + tags()[slot] + "}:index"
}

// indexOf returns the name of the index that has a key.
func (l layout) indexOf(key string) string {
	if !l.slotted {
		return l.single
	}
	return l.index(slotOf(key))
}

// indexArg returns the name of a slot's index as an argument of commands.
func (l layout) indexArg(slot int) any {
	if !l.slotted {
		return l.singleArg
	}
	return l.index(slot)
}

// together reports whether two records may share a call: on a Cluster they need the same slot.
func (l layout) together(a, b names) bool { return !l.slotted || a.slot == b.slot }

// bySlot puts names together that may share a call.
func (l layout) bySlot(all []names) {
	if l.slotted {
		slices.SortStableFunc(all, func(a, b names) int { return a.slot - b.slot })
	}
}

// ofKey is the channel for the changes of a key, and ofStore the channel for deletes of a
// store's records through another store.
func (l layout) ofKey(key string) string        { return l.channels + "k:" + key }
func (l layout) ofStore(instance string) string { return l.channels + "s:" + instance }

// definition returns the name of the definition with an id. It belongs to no key, and so to no slot.
func (l layout) definition(id string) string { return l.root + "d:" + id }

// anyone is a channel that nobody publishes on, in a random slot.
func (l layout) anyone() string { return l.channels + "-:" + strconv.Itoa(rand.Int()) }

// mail is the names beside the record of a key for its requests; see mail.lua.
type mail struct {
	names
	queue           string
	beforeID, after string // of the names of requests and answers
	asked, answered string // the channels that are told of a request, and of a final answer
}

// log returns the name of the log of a record's key, and ofLog the channel that is told of an
// entry.
func (l layout) log(n names) string      { return l.root + "{" + tags()[n.slot] + "}:l:" + n.key }
func (l layout) ofLog(key string) string { return l.channels + "l:" + key }

func (l layout) mailOf(key string) mail {
	n := l.of(key)
	place := l.root + "{" + tags()[n.slot] + "}:"
	return mail{names: n, queue: place + "q:" + key, beforeID: place, after: ":" + key, asked: l.channels + "q:" + key, answered: l.channels + "a:" + key}
}

// request and answer name the request and the answer of an id. The length of the id keeps names
// of different keys apart.
func (m mail) request(id string) string {
	return m.beforeID + "r:" + strconv.Itoa(len(id)) + ":" + id + m.after
}
func (m mail) answer(id string) string {
	return m.beforeID + "a:" + strconv.Itoa(len(id)) + ":" + id + m.after
}

// slotStride leads from slot to slot, to each once. Neighbouring slots lie on one server, and do not
// stand together in this order.
const slotStride = 10_125 // odd

// indices returns every index that can have names which begin with prefix, in an order that has all
// servers at work.
func (l layout) indices(prefix string) []string {
	if !l.slotted {
		return []string{l.single}
	}
	if tag, ok := tagOf(prefix); ok {
		return []string{l.index(int(crc16(tag) % slots))}
	}
	all := make([]string, slots)
	for i := range all {
		all[i] = l.index(i * slotStride % slots)
	}
	return all
}
