package lease

import (
	"cmp"
	"slices"
)

// moment is a time on the monotonic clock, in nanoseconds since the keeper was made, from 1.
type moment int64

const (
	unscheduled        = -1
	never       moment = 1<<63 - 1
)

// timed is a lease and its place in time.
type timed struct {
	at    moment
	lease *lease
}

// agenda is a heap of all leases of a keeper by the moment of their next look: the end of
// the window or an earlier retry. Each lease knows its index, so that a released one leaves
// at once. A renew moves only the end of a window, to a later time, and does not touch the
// heap: a look that comes too early costs less than a reordering for each renew.
type agenda []timed

func (a *agenda) add(l *lease, at moment) {
	*a = append(*a, timed{at, l})
	l.schedule.slot = int32(len(*a) - 1)
	a.up(len(*a) - 1)
}

func (a *agenda) remove(l *lease) {
	i, last := int(l.schedule.slot), len(*a)-1
	if i == unscheduled {
		return
	}
	(*a).swap(i, last)
	(*a)[last] = timed{}
	*a = (*a)[:last]
	l.schedule.slot = unscheduled
	if i < last {
		a.fix(i)
	}
	if c := cap(*a); c > 1024 && last < c/4 {
		*a = append(make(agenda, 0, c/2), *a...)
	}
}

// move changes the moment of a lease.
func (a *agenda) move(l *lease, at moment) {
	(*a)[l.schedule.slot].at = at
	a.fix(int(l.schedule.slot))
}

func (a agenda) fix(i int) {
	if !a.down(i) {
		a.up(i)
	}
}

func (a agenda) up(i int) {
	for i > 0 {
		parent := (i - 1) / 2
		if a[parent].at <= a[i].at {
			return
		}
		a.swap(i, parent)
		i = parent
	}
}

func (a agenda) down(i int) (moved bool) {
	for {
		child := 2*i + 1
		if child >= len(a) {
			return moved
		}
		if child+1 < len(a) && a[child+1].at < a[child].at {
			child++
		}
		if a[i].at <= a[child].at {
			return moved
		}
		a.swap(i, child)
		i, moved = child, true
	}
}

func (a agenda) swap(i, j int) {
	a[i], a[j] = a[j], a[i]
	a[i].lease.schedule.slot, a[j].lease.schedule.slot = int32(i), int32(j)
}

// deadlines has leases that wait for a renew, to be taken nearest end of window first. It
// is sorted when a lease is taken and others were added since.
type deadlines struct {
	all    []timed // latest first, if sorted
	sorted bool
}

func (d *deadlines) add(l *lease, end moment) {
	d.all = append(d.all, timed{end, l})
	d.sorted = false
}

// nearest returns the lease with the nearest deadline without taking it, or nil.
func (d *deadlines) nearest() *lease {
	if len(d.all) == 0 {
		return nil
	}
	if !d.sorted {
		slices.SortFunc(d.all, latestFirst)
		d.sorted = true
	}
	return d.all[len(d.all)-1].lease
}

func (d *deadlines) take() {
	d.all[len(d.all)-1] = timed{}
	d.all = d.all[:len(d.all)-1]
}

func latestFirst(a, b timed) int { return cmp.Compare(b.at, a.at) }
