// Package lease holds keys of a [store.Store] for as long as their holder lives.
//
// A [Keeper] acquires keys and renews them by heartbeat. A [Lease] is one uninterrupted
// holding of one key, from its create to its release, loss or expiry. Its fencing token is
// larger than the token of every earlier lease of the key.
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
//	released     lost      lost        each for good: a new Acquire is a new lease
//
// # The trust window
//
// A holder may act on its lease until
//
//	trusted until = moment before the last confirmed renew was sent + ttl - margin
//
// by the monotonic and by the wall clock, whichever comes first: the monotonic clock stands
// still while a machine is suspended, and the wall clock can be set. The margin is one
// hundredth of the TTL, for clocks that run at different rates, and a guard of a twentieth of
// the TTL, at most half a second. A renew under way moves nothing; its confirmation does.
//
// # Guaranteed
//
// Provided that the store keeps a record for its TTL, no other can hold the key while
// [Lease.Valid] says yes. A store does not keep it when it evicts or loses data, when an
// operator deletes the key, when it fails over to a replica that is behind, or when its clock
// steps forward by more than the guard.
//
// At the end of the window the contexts of a lease end, then Done is closed, whether or not
// the store can be reached; after a suspend, within one second of running time. A lost lease
// never writes again and never comes back. A renew that fails for a passing reason is tried
// again inside the window, with backoff and jitter; only a definite "not yours" ends a lease
// before its time. A store that reports deletes ([store.DeleteNotifier]) has a deleted record
// noticed at once; otherwise the next heartbeat notices.
//
// The writes of a lease are serialised and numbered. A heartbeat never publishes a value older
// than that of the last update, and carries none while an update is under way; a heartbeat
// with its value then follows, before further updates. A write whose outcome is in doubt is
// settled before the next one. An error that the store contract does not define counts as in
// doubt.
//
// Trouble stays where it is. A key, server or callback that is slow, hangs, panics or is huge
// costs its own leases:
//
//   - A renew takes the nearest deadline first. A batch has at most 256 items and 1 MiB of
//     values. Several are under way, and a slow one stops counting as such. Leases with a
//     failed last renew travel apart from the others.
//   - A value that is not ready in time is left out; see [WithHeartbeatValue].
//   - OnRenew, OnAcquire, OnLoss and the functions of WithLog run on goroutines of their own; see [Config].
//   - A panic in a callback that the keeper calls does not end the process. A panic in a
//     callback that a method calls (Write, Acquire) reaches the caller of the method.
//   - A waiter that hangs in a callback holds up the next waiter for one heartbeat at most.
//
// # Not guaranteed
//
// Between a check of Valid and the act that follows, the process can be paused for any length
// of time. A resource that a holder writes to should therefore compare [Lease.Token] with the
// largest token that it has seen, and refuse a smaller one.
//
// Waiters get a key in the order of their arrival within one keeper; between keepers there is
// no order. A store that does not return when its context ends, against its contract, holds
// up Close.
//
// # Goroutines
//
// A keeper has one or two goroutines and one timer, however many leases it holds. Others live
// for a while: one for a batch of renewals and its callbacks, for the events of an observer,
// for a create in doubt, and for the watch of a key with waiters. [Keeper.Close] joins them
// all, except callbacks that do not return.
//
// # Next
//
// The package registry: a machine and a lease as one instance, which others can list, watch and ask.
package lease
