// Package redisstore keeps leasehold's records in Redis 6.2 or later: a single
// server, one behind Sentinel, or a Cluster, through go-redis.
//
// # What lies where
//
// A record's value is under its key as a plain string, so that anything that can
// GET the key reads it. Beside it, in the same slot of a Cluster, lies its fence:
// a hash that outlives the record by at least a day and twice its ttl, and knows
// the term's token, its nonce, the deadline, and a hash of the value. All names
// but the keys themselves begin with "leasehold:". An index, one sorted set for a
// server and one for each slot of a Cluster, answers List without a walk through
// the database. The scripts in the directory scripts say it exactly.
//
// A List on a Cluster reads the index of every slot, 16384 in one round trip to each
// master; one whose prefix contains a whole hash tag, such as "{eu}:", reads only
// that tag's. No cheaper way is safe: only a command on a key is referred to the
// server that has it, while what else tells of slots in use (SCAN,
// CLUSTER COUNTKEYSINSLOT, a directory kept elsewhere) can be wrong about a slot that
// moves or about a server that lost its data, and a live record would be missing.
//
// A value is taken for the fence's own only if it is a string, its deadline lies
// ahead, its expiry agrees with the deadline within a second, and it is, byte for
// byte, what was written last. Whatever else is under a key is foreign, and no
// verb writes over it.
//
// # What it guarantees
//
// The laws of package store, as long as the server keeps what it was given. Every
// verb on a key is one script and one round trip; a batch of renewals is one round
// trip to each master. No write is sent twice behind the caller's back: go-redis's own
// retries are off for them, so that an error says whether the server may have been
// reached.
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
// While a slot of a Cluster moves, a record that lies as a whole on either server is
// served there. One whose names are on both is unavailable ([store.ErrUnavailable],
// nothing happened), and so are a key that has no record, a List that comes upon
// either, and, with [WithReplicaAck], a Create or Renew on the slot's new server. All
// that ends with the move; no term does.
//
// # Watching
//
// Every script that changes a value publishes the name of the key on the channel
// "leasehold:<database>:changes", and one connection listens while anyone watches.
// Published messages can be lost, so a watch also reads everything again once in
// the longest time left that it saw, a minute at most, and after each reconnect.
// Where the server's user has no right to the channel a watch therefore still
// works, but hears of changes only so late; see [Store.WatchErr].
//
// What a delete removes is published on "leasehold:<database>:deletes" too, for
// [Store.Deletions]: a holder that listens there is not told of every heartbeat of others.
//
// # Rights
//
// A user with an access control list needs its own keys and leasehold:*, the
// channels leasehold:* to watch promptly, and the commands info, ping, evalsha,
// eval, time, type, get, set, del, exists, pttl, pexpire, pexpireat, hmget, hset,
// zadd, zrem, zscore, zrangebylex, publish and subscribe (for [WithReplicaAck] also
// wait; on a Cluster also cluster|slots and asking).
package redisstore
