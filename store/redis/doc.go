// Package redisstore keeps leasehold's records in Redis 6.2 or later: a single
// server, one behind Sentinel, or a Cluster, through go-redis.
//
// # Names and layout
//
// A record's value is under its key as a plain string, so that anything that can GET the key
// reads it. Beside it, in the same slot of a Cluster, lies its fence: a string that outlives
// the record by at least a day and twice its ttl, and has the lease's token, a mark of its nonce, the
// ttl, the value's length and the value itself up to 40 bytes or else its hash, and marks of creates
// that must not take effect any more:
// the creates of the key's last eight leases, and for five minutes each create that a delete
// has settled. While somebody waits for the key, the claim that is next lies there too. All names but the keys themselves begin with "leasehold:". An index, one sorted
// set for a server and one for each slot of a Cluster, answers List without a walk through the
// database. The scripts in the directory scripts say it exactly.
//
// A fence begins with the version of its layout. One of another version makes its key
// unavailable ([store.ErrUnavailable]), and neither free nor foreign: let all leases of
// the older version end before the newer one starts.
//
// The entry of an index is written behind its record in the same pipeline, and not by the same
// script, so that trouble with one is none of the other. A store writes the entries of renewed
// records again, each at least once in a ttl if the record is renewed twice in a ttl, as a keeper
// does. It takes out the entries of records that it has deleted; a List takes out each entry
// without a record. After a crash between record and entry a List can miss the record for one ttl.
//
// # Memory after a lease
//
// A record that is deleted leaves its fence, with a last value of at most 40 bytes in it, and one that
// expires leaves its entry too. Measured on
// Redis 7.0 with keys of 13 bytes, a fence takes 300 bytes and an entry 120. The fence goes a
// day and twice the ttl after the last renew. It does not grow while a key is used again, except
// by 18 bytes for each create that a delete has settled in the last five minutes. So keys
// that are used again cost 300 bytes each at all times. Jobs with a new key each, 100 a second,
// leave 8.64 million fences in a day, 2.6 GB; let such jobs share keys if that is too much.
//
// A store that renews also looks at the entries that other processes left, 100 in half a
// minute, and 100 in a second where a quarter of the last were without a record; on a Cluster
// at 128 slots and at most 1,100 entries each time. To look at 100 entries costs a server at most a
// quarter of a millisecond, so 1,000 such stores cost it less than a hundredth of its time.
// Entries of 20,000 expired records are gone after 200 seconds with one such store, and after
// 20 with ten.
//
// A List on a Cluster reads the index of every slot, 512 in a round trip and three round trips
// at a time, so that its thousands of reads do not have slow masters taken for hung ones; with a
// whole hash tag in the prefix, for example "{eu}:", it reads the index of that tag's slot alone.
// No cheaper way is safe: a server refers only a command on a key to the server that has the
// key. Other sources of the slots in use (SCAN, CLUSTER COUNTKEYSINSLOT, a directory kept
// elsewhere) can be wrong about a slot that moves or about a server that lost its data, and a
// live record would be missing.
//
// A value is taken for the lease's own only if it is a string with an expiry and equals, byte
// for byte, the value that was written last, while the lease's time by its fence has not
// passed. Whatever else is under a key is foreign, and no verb writes over it. A program that
// writes the same bytes with another expiry, or changes the expiry, does not end the lease;
// the next renew restores the ttl. Of a value above 4 KiB a renew without a value compares
// length and expiry, and the bytes once in a ttl or if the expiry is not within a second of
// the fence's: a foreign value with both can be extended, never overwritten, for that long. Of
// a value of another length no more than 4 KiB is read, and a foreign one above 4 KiB does not come with an
// error ([store.Record.Value] is nil).
//
// # The way to the server
//
// Calls to a master are collected while a pipeline to it is under way and sent together; two
// pipelines may be under way, renewals go first, and other calls keep a quarter of each. No
// call has a goroutine of its own. A pipeline without an answer for a quarter of a second does
// not keep the next waiting; with eight of those a master counts as hung, and calls to it fail
// at once with [store.ErrUnavailable]. Each master has its own pipelines, so a server that
// hangs costs only the leases on it. Calls that wait for replicas ([WithReplicaAck]) have
// pipelines apart from the others. Creates, renewals, updates and deletes in one pipeline
// share commands, up to sixteen keys and 64 KiB of values in each, on a Cluster all of one
// slot.
//
// Each call has its own answer. If its context ends before the call is sent, it is never sent
// ([store.ErrUnavailable]); if the call is under way by then, it is in doubt.
//
// Pipelines use the client's connections for pipelines (go-redis's PipelinePoolSize), or else
// its pool, and keep no connection between pipelines. A program that blocks commands on all of
// them can starve its renewals.
//
// A pipeline has as long as the client's ReadTimeout says, but at least a second and at most
// three. It carries one value of a mebibyte, or smaller ones of a mebibyte together, and its
// answers are no longer. So a server needs a client-query-buffer-limit of two mebibytes, a
// client-output-buffer-limit for normal clients of none or two, and maxmemory-clients of none or
// eight for each process, which the defaults have. [New] refuses less if the user may read it
// (config|get). If not, calls with large values fail, because the server closes their
// connections; other calls succeed.
//
// # Servers and clients that do not fit
//
// [Check] says more about servers than [New], and goes on after a fault.
//
// [New] refuses a replica, a server that evicts, one without a command or a right that the
// verbs need, and clients for servers that know nothing of each other, like redis.Ring. It
// cannot tell, and the guarantees do not hold: KeyDB as an active replica or with several
// masters, where two servers take writes to one key; a proxy that passes on no subscriptions,
// where watches are late as without a right to a channel; a hook of the client that refuses a
// call, which is in doubt although it was not sent.
//
// # Traces
//
// Hooks of the client see next to nothing of what a store sends: go-redis v9.23 leaves them out of the
// clients of WithTimeout, through which calls go. [store.Observe] tells of each call.
//
// # Guarantees
//
// The laws of package store hold as long as the server keeps its data. Every verb on a key is
// one round trip, and so is a batch. No write is sent twice behind the caller's back:
// go-redis's own retries are off for them, so that an error says whether the server may have
// been reached. A refusal comes only from a server that takes writes.
//
// A token is the larger of its predecessor plus one and the server's clock in microseconds. The
// clock that counts is that of the master which runs the create; no client's clock does. The
// predecessor is in the fence. So tokens of a key grow whatever the clocks do as long as its
// fence has the last token, and also when all data was lost, unless the clock went back too.
// They go back only if the fence lacks the last token and the clock is behind it: after a
// failover to a replica that had not received the last create, and with its clock behind the
// old master's by more than the time since that create. Keep the clocks of masters and
// replicas together (NTP), and see [WithReplicaAck].
//
// # Limits of the guarantees
//
// Replication is asynchronous. A failover to a replica that has not heard of a
// create yet forgets it, and another may create the key while the first holder
// still trusts its lease; [WithReplicaAck] makes that less likely and not
// impossible. A master that is cut off and takes writes alone goes on to confirm renewals, while
// another may hold the key at the promoted replica; min-replicas-to-write and WithReplicaAck
// prevent that. The same goes for an operator's DEL and FLUSHALL, for a restart
// without the latest data, and for a clock that jumps ahead. Eviction would be
// another such case, so a server that evicts is refused; see [WithEvictionAllowed].
//
// # Slots that move
//
// While a slot of a Cluster moves, a record with its key and fence on one server is served
// there. A record with one of them on each server is unavailable ([store.ErrUnavailable],
// nothing happened), and so are a key that has no record, a List that comes upon either, and,
// with [WithReplicaAck], a Create or Renew on the slot's new server. All that ends with the
// move; no lease does.
//
// Redis moves times to live and not deadlines, so a key or its fence lives longer by the time
// that its move took, which a huge value of the slot can make seconds. The next renew restores
// both. If the holder dies before that renew, the value stays for those seconds after its ttl
// and is foreign then.
//
// # Watching
//
// Every script that changes a value publishes that on the channel of its key,
// "leasehold:<database>:k:<key>"; the server tells which database the client selects. A watch
// of one key subscribes to that channel; a watch of a prefix subscribes to the pattern
// "leasehold:*", because a user's rights to channels allow no narrower one. One connection
// listens for all watches of a store. Published messages can be lost, so a watch also reads
// everything again once in the longest time left that it saw, a minute at most, and after each
// reconnect. Where the server's user may not subscribe, a watch therefore still works, but
// hears of changes only so late; see [Store.WatchErr].
//
// A delete of a record that another store created is told to that store on a channel of
// its own, for [Store.Deletions]: a holder hears of nobody else's deletes.
//
// A subscription can be on a server that answers and hears nothing: after a failover the old
// master can go on for ten seconds and more. So a store that listens publishes a message to its
// own channel every three seconds, through a master. If it has not come back after three more,
// the store subscribes anew and reads everything again. Changes that were published in between
// reach its watches then, six seconds late at most.
//
// # Keys that are handed over
//
// The claim that is next for a key ([Store.CreateNext]) is a string in the slot of the key, under
// "leasehold:", with its value and all that its fence will need. It expires a ttl after the last call
// of the claim. The script that deletes the lease writes the record and the fence of the claim in
// place of that, so the key is never free in between; the new record has what was left of the
// string's time to live. The message on the channel of the key has the new token and the mark of the
// claim's nonce, from which the store that made the claim knows its grant. If the message is lost, the next
// CreateNext of the claim has the grant. A store makes no claim next with [WithReplicaAck], with a
// value of more than 4 KiB, or in a slot that is being moved: such a waiter creates its record once the
// key is free.
//
// The mark of a claim that is next is in that string alone. So a user with the right to publish, and none
// to read the string, cannot have a waiter believe that it holds the key.
//
// # Requests
//
// A request is a string of its own, which expires at its deadline by the server's clock, and an id
// in the sorted set of its key; an answer is a string too. All lie in the slot of the key, under
// "leasehold:". Ask and Answer are one script each. A holder listens on
// "leasehold:<database>:q:<key>"; senders listen on
// "leasehold:<database>:a:<key>", for ten seconds after the last request too. Requests and answers
// of at most 4 KiB are in their messages. Watches of a prefix hear these messages as well, and ignore
// them. A waiting caller reads again once a minute, and once a second while [Store.WatchErr] is not nil.
//
// A holder yields a request from its message if it knows every request that waits in front of it,
// the message names the holder's lease, and it is at most 100 ms old by the clocks of the server and
// the holder, as far as they have moved since the holder last read the queue, within a minute.
// Otherwise, as after a pause, a lost message or a burst, it reads the queue and the request first.
// Whether a request has expired or has an answer, and whether the lease is live, is decided by the
// script of the answer in any case. A user with the right to publish on the channel of requests, and
// none to the queue, can have a holder get a forged request. The store refuses its answer, and an
// update with that.
//
// Another program can write under these names. An id in the queue without a request of the right
// form is skipped, and taken out of the queue; its value stays. A name that has a value of another
// type is an error for its request alone; the queue's makes requests of that key unavailable.
//
// A store without the right to write records looks at the record first, by EVALSHA_RO: Redis
// takes every key of EVALSHA for one that is written. Its request costs two round trips.
//
// # Logs
//
// The log of a key is a stream in its slot, under "leasehold:"; an id is the token and the
// number of an entry. Entries of other programs are skipped, and deleted when they are the
// oldest. Redis takes only growing ids: after an entry of another program, an entry of a lease with
// the same id or a smaller one is not stored, and its writer is told.
//
// # Definitions
//
// A definition is a string under "leasehold:d:" and its id, in the slot of that name. It is read, with no
// more of a longer value than tells that it is foreign, and written or extended by commands, without a
// script: the name allows one value alone.
//
// # Rights
//
// A user with an access control list needs its own keys and leasehold:*, the
// channels leasehold:* to tell others of its changes and to watch promptly, and the commands
// info, client|info, evalsha, eval, time, get, getex, getrange, strlen, set, setrange, del,
// exists, pttl, pexpire, pexpireat, zadd, zrem, zscore, zrangebylex, publish, subscribe, unsubscribe,
// psubscribe and punsubscribe (for requests also zrange; for [WithReplicaAck] also wait; on a
// Cluster also cluster|slots and asking). With config|get, [New] also checks the server's limits.
package redisstore
