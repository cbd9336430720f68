// Package fsmtest tests a definition of package fsm: one's own table, with one's
// own rules.
//
//	func TestLifecycle(t *testing.T) {
//		fsmtest.Check(t, lifecycle, fsmtest.Arg[State](Start, boots))
//	}
//
// [Check] walks machines at random through states and events, wanted and unwanted,
// and checks after each call that what happened is what the definition says, in the
// order that the package fsm documents, and that what was refused left no trace.
// [Paths] lists shortest walks that together take every edge, and [Cover] takes
// them.
//
// The definition's own guards and hooks run. They may refuse and fail as they
// like; what is checked is what becomes of that. What they need has to be there,
// and they should not mind to run often.
//
// If there are timeouts, all of it runs in a bubble of testing/synctest, and time
// passes when the walk lets it: hooks should take none themselves, and a
// [fsm.TimeoutFunc] should not say that it is due at once.
package fsmtest
