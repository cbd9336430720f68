// Package teststore is a store for tests of its callers: a memory store that records requests
// and fails on demand.
//
// [Store.Inject] sets a [Fault] for the requests of a verb. A fault decides whether and when a
// request reaches the memory store, and whether and when its answer reaches the caller:
//
//	fault         request reaches the store   caller gets
//	(nil)         at once                     the answer
//	Refuse        never                       store.ErrUnavailable at once
//	Drop          never                       store.ErrInDoubt at once
//	Silence       never                       store.ErrInDoubt when its context ends
//	Hang          never                       store.ErrInDoubt after a time, whatever its context says
//	DropReply     at once                     store.ErrInDoubt at once
//	LoseReply     at once                     store.ErrInDoubt when its context ends
//	DeliverLate   after a time                store.ErrInDoubt at once
//	Straggle      after a time                the answer, or store.ErrInDoubt when its context ends first
//	Delay         after a time                the answer after another time
//
// Faults apply to create, renew, update, delete, the put of a definition and the start of a watch. Get and List always
// reach the memory store, and so do calls on [Store.Store], which are not recorded either.
// Times pass in a synctest bubble.
package teststore
