package redisstore

import "context"

// A call for several keys has at most so many, and so many bytes of values: the server
// does nothing else while it runs.
const (
	maxShared      = 16
	maxSharedBytes = 64 << 10
)

// item is a key in a call of a script that takes several.
type item struct {
	names
	place int    // in the caller's batch
	args  [3]any // of the script
	bytes int    // of the value among them
}

// callFor is a call for some items.
type callFor struct {
	*call
	items []item
}

// inBatches calls sc for items, several to a call where they share a server and have the
// time, and hands each item's answer to done. What failed as a whole is done again item by
// item, if the server says that it did nothing: one of them may be the reason.
func (s *Store) inBatches(ctx context.Context, sc *script, k kind, items []item, done func(item, any, error)) {
	bySlot(s.layout, items, func(i item) names { return i.names })
	var failed []item
	for _, c := range s.send(ctx, sc, k, s.shared(items)) {
		reply, err := c.reply()
		if err != nil && reply == nil && len(c.items) > 1 && refused(err) && ctx.Err() == nil {
			failed = append(failed, c.items...)
			continue
		}
		c.deliver(reply, err, done)
	}
	single := make([][]item, len(failed))
	for i := range failed {
		single[i] = failed[i : i+1]
	}
	for _, c := range s.send(ctx, sc, k, single) {
		reply, err := c.reply()
		c.deliver(reply, err, done)
	}
}

// send calls sc once for each run of items.
func (s *Store) send(ctx context.Context, sc *script, k kind, runs [][]item) []callFor {
	made := make([]callFor, len(runs))
	calls := make([]*call, len(runs))
	for i, run := range runs {
		made[i] = callFor{s.callOf(sc, k, run), run}
		calls[i] = made[i].call
	}
	s.transport.do(ctx, calls...)
	return made
}

// callOf makes one call for a run of items.
func (s *Store) callOf(sc *script, k kind, run []item) *call {
	args := make([]any, 0, 4+5*len(run))
	args = append(args, "evalsha", sc.hash, 2*len(run))
	cost := 0
	for _, i := range run {
		args = append(args, i.key, i.fence)
		cost += 2*len(i.key) + i.bytes + maxRefusal/maxShared
	}
	args = append(args, s.layout.prefix)
	for _, i := range run {
		args = append(args, i.args[:]...)
	}
	return newCall(sc, k, cost, args)
}

// shared splits items into runs that may share a call.
func (s *Store) shared(items []item) [][]item {
	var runs [][]item
	for start := 0; start < len(items); {
		end, bytes := start+1, items[start].bytes
		for end < len(items) && end-start < maxShared && bytes+items[end].bytes <= maxSharedBytes &&
			s.layout.together(items[end].names, items[start].names) {
			bytes += items[end].bytes
			end++
		}
		runs = append(runs, items[start:end])
		start = end
	}
	return runs
}

// deliver hands each item its part of the reply.
func (c callFor) deliver(reply any, err error, done func(item, any, error)) {
	answers, ok := reply.([]any)
	ok = ok && len(answers) == len(c.items)
	for i, item := range c.items {
		switch {
		case ok:
			done(item, answers[i], err)
		case err != nil:
			done(item, nil, err)
		default:
			done(item, reply, nil) // which is of an unknown form
		}
	}
}
