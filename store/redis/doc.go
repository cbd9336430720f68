// Package redisstore keeps leasehold's records in Redis 6.2 or later: a single
// server, one behind Sentinel, or a Cluster, through go-redis.
//
// # What lies where
//
// A record's value is under its key as a plain string, so that anything that can
// GET the key reads it. Beside it, in the same slot of a Cluster, lies its fence: a
// string that outlives the record by at least a day and twice its ttl, and has the
// lease's token, its nonce, the ttl, length and hash of the value, and marks of creates
// that must not take effect any more: of the last sixteen leases of the key, and for
// five minutes of those that were settled by a delete. All names but
// the keys themselves begin with "leasehold:". An index, one sorted set for a server
// and one for each slot of a Cluster, answers List without a walk through the
// database. The scripts in the directory scripts say it exactly.
//
// A fence begins with the version of its layout. One of another version makes its key
// unavailable ([store.ErrUnavailable]), and neither free nor foreign: let all leases of
// the older version end before the newer one starts.
//
// The entry of an index is written behind its record in the same pipeline, and not by
// the same script, so that trouble with one is none of the other. A store writes the
// entries of what it renews again, and takes out those whose records it has deleted; a
// List takes out what it finds without a record. After a crash between record and entry
// a List can miss the record for one ttl.
//
// A List on a Cluster reads the index of every slot, 16384 in a few round trips to each
// master; one whose prefix contains a whole hash tag, such as "{eu}:", reads only
// that tag's. No cheaper way is safe: only a command on a key is referred to the
// server that has it, while what else tells of slots in use (SCAN,
// CLUSTER COUNTKEYSINSLOT, a directory kept elsewhere) can be wrong about a slot that
// moves or about a server that lost its data, and a live record would be missing.
//
// A value is taken for the lease's own only if it is a string, its expiry is the one
// that belongs to the fence's within a second, and it is, byte for byte, what was
// written last. Whatever else is under a key is foreign, and no verb writes over it. Of
// a value above 4 KiB a renew without a value compares length and expiry, and the bytes
// once in a ttl: a foreign value with both can be extended, never overwritten, for that
// long. A value of another length is never read, and a foreign one above 4 KiB does not
// come with an error ([store.Record.Value] is nil).
//
// # The way to the server
//
// Calls to a master are collected while a pipeline to it is under way and sent together;
// two pipelines may be under way, renewals go first, and other calls keep a quarter of
// each. No call has a goroutine of its own. A pipeline without an answer for a quarter of a
// second does not keep the next waiting; with eight of those a master counts as hung, and
// calls to it fail at once with [store.ErrUnavailable]. Each master has its own pipelines,
// so a server that hangs costs only the leases on it. Creates, renewals, updates and deletes
// that go together share commands, up to sixteen keys and 64 KiB of values in each, on a
// Cluster those of one slot.
//
// Each call has its own answer. One whose context ends before it was sent is never sent
// ([store.ErrUnavailable]); one that was under way is in doubt.
//
// Pipelines use the connections that the client has for them (go-redis's
// PipelinePoolSize), or those of its pool, and keep none between pipelines. A program
// that blocks commands on all of them can starve its renewals.
//
// # What it guarantees
//
// The laws of package store, as long as the server keeps what it was given. Every
// verb on a key is one round trip, and so is a batch. No write is sent twice behind the
// caller's back: go-redis's own retries are off for them, so that an error says whether
// the server may have been reached. A refusal comes only from a server that takes writes.
//
// A token is the larger of its predecessor plus one and the server's clock in
// microseconds, so that tokens also grow when all data was lost, unless the
// clock went back too.
//
// # What it does not guarantee
//
// Replication is asynchronous. A failover to a replica that has not heard of a
// create yet forgets it, and another may create the key while the first holder
// still trusts its term; [WithReplicaAck] makes that less likely and not
// impossible. The same goes for an operator's DEL and FLUSHALL, for a restart
// without the latest data, and for a clock that jumps ahead. Eviction would be
// another such case, so a server that evicts is refused; see [WithEvictionAllowed].
//
// # Slots that move
//
// While a slot of a Cluster moves, a record whose key and fence lie on one server is
// served there. One whose key and fence are on both is unavailable ([store.ErrUnavailable],
// nothing happened), and so are a key that has no record, a List that comes upon
// either, and, with [WithReplicaAck], a Create or Renew on the slot's new server. All
// that ends with the move; no term does.
//
// # Watching
//
// Every script that changes a value publishes that on the channel of its key,
// "leasehold:<database>:k:<key>". A watch of one key subscribes to that channel; a watch
// of a prefix subscribes to the pattern "leasehold:*", because a user's rights to channels
// allow no narrower one. One connection listens for all watches of a store. Published
// messages can be lost, so a watch also reads everything again once in the longest time
// left that it saw, a minute at most, and after each reconnect. Where the server's user
// has no right to a channel a watch therefore still works, but hears of changes only so
// late; see [Store.WatchErr].
//
// A delete of a record that another store created is told to that store on a channel of
// its own, for [Store.Deletions]: a holder hears of nobody else's deletes.
//
// # Rights
//
// A user with an access control list needs its own keys and leasehold:*, the
// channels leasehold:* to watch promptly, and the commands info, ping, evalsha,
// eval, time, get, getex, getrange, strlen, set, setrange, del, exists, pttl, pexpire,
// zadd, zrem, zscore, zrangebylex, publish, subscribe and psubscribe (for
// [WithReplicaAck] also wait; on a Cluster also cluster|slots and asking).
package redisstore
