// Package fsmtest tests a definition of package fsm: the table of a program, with its
// rules.
//
//	func TestLifecycle(t *testing.T) {
//		fsmtest.Check(t, lifecycle, fsmtest.Arg[State](Start, boots))
//	}
//
// [Check] makes random calls, permitted and forbidden, on machines of the definition. After
// each call it compares the result with the definition and with the order that package fsm
// documents, and checks that a refused call left no trace. [Paths] lists shortest paths that
// together take every edge, and [Cover] makes the transitions of these paths.
//
// The guards and hooks of the definition run. They may refuse and fail at any time, and
// fsmtest checks the consequences. They must not depend on how often they run. Data that
// they need is given with [Options].
//
// If the definition has timeouts, the machines run in a bubble of testing/synctest, where
// only fsmtest lets time pass. Guards and hooks should not sleep then, and a
// [fsm.TimeoutFunc] should return a positive duration.
package fsmtest
