// Package store is the contract between leasehold and whatever holds its
// records: seven verbs, and the laws that they obey. It needs the standard
// library alone and knows no backend.
//
// A record is a value under a key, held by whoever created it and gone by
// itself when its time to live has passed. Each successful [Store.Create] of a
// key gets a fencing token that is larger than every token the key ever had
// (M. Kleppmann, "How to do distributed locking", 2016). Every later write
// names that token and is refused, atomically in the store, unless the live
// record still carries it.
//
// # What a backend guarantees
//
//   - Of any number of concurrent creates of a key, exactly one succeeds.
//   - Tokens of a key strictly increase, across expiry, delete and restart of
//     the server, and across loss of its data as far as the backend declares.
//   - A write with a stale token changes nothing and returns [ErrLost].
//   - No record that this library wrote is ever without a time to live.
//   - A record is gone no later than its ttl after the last renew, plus the
//     declared precision, and never before its ttl by the store's clock.
//   - Keys and values are kept byte for byte; see [CheckKey] and [CheckValue]
//     for what is refused before it reaches a network.
//   - A cancelled context returns promptly, and the error says whether the
//     outcome is in doubt. What was written is the old record or the new one.
//   - One call that reaches the store twice has the effect and the answer of
//     one, unless another held the key in between.
//   - What another program put under a key is never taken for ours and never
//     overwritten: [ErrForeign].
//
// # What it does not guarantee
//
// A token protects what checks it. Between the moment at which a holder looked
// at its lease and the act that follows, its process can be paused for any
// length of time; only the resource that is written to, comparing tokens, can
// refuse what comes late. Nor does a store that drops data on its own account
// (eviction, a flush, a failover to a stale replica) keep a record for its ttl.
//
// # Errors
//
// Five conditions are never confused. Held: another holds the key, and
// [HeldError] says what its record is and how long it has left. Lost: the term
// that a write named has ended. Foreign: the key holds something that this
// library did not put there. Unavailable: the store could not be asked, or
// would not, and nothing happened. In doubt: it may or may not have happened,
// and whoever asked has to settle it before writing anything else.
package store
