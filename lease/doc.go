// Package lease holds keys of a [store.Store] for as long as their holder lives.
//
// A [Keeper] acquires keys and keeps them by heartbeat. Each [Lease] it returns
// is one term: one uninterrupted holding of one key, from the create to the end,
// with a fencing token that is larger than that of every term before it.
//
//	          Acquire
//	             │ created                   confirmed renew:
//	             ▼                           the window moves on
//	┌──────────────────────────┐  ┌──────────┐
//	│           held           │◄─┘          │
//	│ Valid until the window's ├─────────────┘
//	│ end                      │
//	└──┬──────────┬─────────┬──┘
//	   │ Release  │ taken   │ window ended without
//	   │          │ away    │ a confirmed renew
//	   ▼          ▼         ▼
//	released     lost      lost        each for good: a new Acquire is a new term
//
// # The trust window
//
// A term may be acted on until
//
//	trusted until = moment before the last confirmed renew was sent + ttl - margin
//
// by the monotonic and by the wall clock, whichever says so first: the monotonic
// clock stands still while a machine is suspended, and the wall clock can be
// set. The margin is one hundredth of the ttl, for clocks that run at different
// rates, and a guard of a twentieth of it, at most half a second. A renew that is
// under way moves nothing; only its confirmation does.
//
// # Guaranteed
//
// Provided that the store keeps a record for its ttl, no other can hold the key
// while Valid says yes. A store does not when it evicts or loses data, when an
// operator deletes the key, when it fails over to a replica that is behind, or
// when its clock steps forward by more than the guard.
//
// Done is closed at the window's end whether or not the store can be reached.
// A lost term never writes again and never comes back. A renew that fails for a
// passing reason is tried again within the window, with backoff and jitter; only
// a definite "not yours" ends a term before its time. Where the store tells of
// deletes ([store.DeleteNotifier]), one that took a term's record away is looked into at once,
// and else found by the next heartbeat.
//
// The writes of a term are serialised and numbered. A heartbeat never publishes
// a value older than that of the last update, and carries none while an update is
// under way; however many updates there are, one with its value then follows. A write
// whose outcome is in doubt is settled before the next, and so is one of which the
// store said nothing that its contract knows.
//
// # Not guaranteed
//
// Between a look at Valid and the act that follows it, the process can be paused
// for any length of time. What a holder writes to should therefore compare
// [Lease.Token] with the largest that it has seen, and refuse a smaller one.
//
// # Goroutines
//
// A keeper runs a fixed number of goroutines, however many terms it holds, and
// a few more for a while: for renewals under way, and for each create that is in
// doubt until it is settled. To hear of deletes a store may use a connection. There is no goroutine and no timer per term.
// [Keeper.Close] joins them all.
package lease
