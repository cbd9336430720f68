package fsm

import "slices"

// watchers are the waits and subscriptions of a machine. They are touched with the mutex
// locked, and never block.
type watchers[S comparable] []watcher[S]

type watcher[S comparable] interface {
	// see gets a transition, and returns whether the watcher wants more.
	see(Transition[S]) bool
	// end says that there will be no more transitions, and why.
	end(error)
}

func (w *watchers[S]) remove(gone func(watcher[S]) bool) {
	if *w = slices.DeleteFunc(*w, gone); len(*w) == 0 {
		*w = nil
	}
}

func (w *watchers[S]) tell(t Transition[S]) {
	w.remove(func(each watcher[S]) bool { return !each.see(t) })
}

func (w *watchers[S]) end(err error) {
	w.remove(func(each watcher[S]) bool { each.end(err); return true })
}
