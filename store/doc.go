// Package store is the contract between leasehold and its backends: seven verbs and the
// laws that they obey. It imports the standard library alone and no backend.
//
// A record is a value under a key. It belongs to its holder, the process that created it,
// and expires when its time to live (TTL) has passed without a renew. Each successful
// [Store.Create] of a key gets a fencing token that is larger than every earlier token of
// the key (M. Kleppmann, "How to do distributed locking", 2016). Every later write names
// that token; the store refuses it, atomically, unless the live record carries the token.
//
// # Guarantees of a backend
//
//   - Of any number of concurrent creates of a key, exactly one succeeds.
//   - Tokens of a key strictly increase, across expiry, delete and restart of
//     the server, and across loss of its data as far as the backend declares.
//   - A write with a stale token changes nothing and returns [ErrLost].
//   - No record that this library wrote is ever without a TTL.
//   - A record expires no later than its TTL after the last renew, plus the
//     declared precision, and never before its TTL by the store's clock.
//   - Keys and values are kept byte for byte. [CheckKey] and [CheckValue]
//     refuse invalid ones before the store sends anything.
//   - A call whose context is cancelled returns promptly, and its error says
//     whether the outcome is in doubt. The stored record is the old or the new one.
//   - A call that reaches the store twice has the effect and the answer of one
//     call, unless another held the key in between.
//   - A foreign value, which another program put under a key, is never taken for
//     a record of this library and never overwritten: [ErrForeign]. A backend may
//     declare that it extends one of equal length and TTL for up to one TTL before
//     it notices, and that it takes the bytes of a live lease's own value, put there
//     with another TTL, for the lease's record; the next renew restores its TTL.
//     However large a foreign value is, it costs no other key anything.
//   - A backend that hands keys over ([Successor]) begins the lease of the claim that is next in the
//     same step as it deletes the lease before. One claim of a key is next at a time.
//   - A definite answer (held, lost, foreign, ended, deleted) comes only from a
//     server that could also have taken the write. A replica or a demoted master
//     answers [ErrUnavailable].
//   - A slow, hung, moving or hostile key, server or caller delays only the leases on
//     it: an item of a batch never waits for another's answer.
//
// # Limits of the guarantees
//
// A token protects only a resource that compares tokens. Between a holder's check of its
// lease and the act that follows, the process can be paused for any length of time; only
// the resource can refuse a late write. A store that drops data of its own accord
// (eviction, a flush, a failover to a stale replica) does not keep a record for its TTL.
//
// # Errors
//
// Five conditions are never confused:
//
//   - Held: another holds the key. [HeldError] has its record and time left.
//   - Lost: the lease that a write named has ended.
//   - Foreign: the key holds a value that another program put there.
//   - Unavailable: the store could not be reached, or refused to serve, and
//     nothing happened.
//   - In doubt: the call may or may not have had its effect. The caller has to
//     settle it before it writes anything else.
//
// # Next
//
// The package lease: it makes these calls for as long as its holder lives, and knows when it may no longer
// be trusted. A first store is in the package store/memory.
package store
