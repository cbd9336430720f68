// Package etcdstore keeps leasehold's records in etcd, through go.etcd.io/etcd/client/v3:
// one member or a cluster, from etcd 3.4 on; a client with a password needs etcd 3.5.
//
// In this text a lease is leasehold's: one holding of a key, from create to release, loss
// or expiry. An etcd lease is etcd's own object.
//
// # Layout
//
// A record's value is stored unchanged under its key, so that "etcdctl get key" reads it.
// All other names begin with "leasehold:".
//
//   - leasehold:o:<key> is the note beside the record: "1", the nonce of the create that
//     began the lease, the number of the last value, the granted ttl in seconds and the
//     value's size, with spaces between. Notes sort as their keys do. They are the index
//     that List and Watch read.
//   - leasehold:n:<length of key>:<key>:<nonce> marks a nonce that a create of the key
//     has used, or that a delete has ended.
//
// A record and its note are always written in one transaction and are on one etcd lease.
// They are ours exactly as long as they have the same mod revision and the same etcd
// lease. No other program can restore that: a bare put, a put with the same or another
// etcd lease, and a delete followed by a put all move the key's revision away from the
// note's. Any other value under a key is foreign, and no verb writes over it.
//
// # Guards
//
//	Create   create revision of the key is 0     no record, ours or foreign
//	         create revision of the mark is 0    the nonce's lease has not ended
//	Update   mod revision of key and note        neither was written, deleted, taken off its
//	Renew    are those of the last write         etcd lease, or followed by another; so a late
//	         number of the value in the note     write is refused too; an older value is stale
//	Delete   mod revision of the key is that     as above; the note goes with its record
//	         of the last write
//
// The failure branch of each guard reads key and note, so that the answer is known at
// once. A token is the key's create revision: the cluster orders it, it stays for the life
// of the record, and the next is larger. If the store does not know a revision from its
// own writes, as after a restart of the process, it reads the record first.
//
// Marks are on etcd leases of their own that are never renewed: a mark lives for a day and twice
// the ttl from its create, or for a day if a delete by nonce made it. The note holds the nonce
// too, so that a repeated create is recognized for as long as its lease lives. From time to time
// the store drops the oldest marks of a key. It keeps the newest sixteen, and every mark of a
// nonce if its create may still be under way: a delete by nonce ended the nonce, or the store
// did because no caller settled the create. No message of a create is under way for a day.
//
// # Shared etcd leases
//
// The records of one store and ttl share an etcd lease, up to 16,384 of them, so that a
// heartbeat costs the same for one record and for thousands. A record therefore expires
// together with the others ([store.Capabilities.GroupExpiry]). The time that a holder is
// promised counts from the last keep-alive sent. If that keep-alive is older than a
// sixteenth of the ttl, the store sends another before a create or for a renew.
//
// A leader that was cut off, or stopped for a while, confirms keep-alives until it hears of its
// successor, which does not know of them. A keep-alive therefore counts only if the
// create or the check that goes with it, which need a quorum, tell of no later leader: each answer
// has the leader's term. Otherwise the store sends another. A check that was sent long before
// the keep-alive does not tell, so that the store then asks for the term.
//
// A record must not outlive its TTL because it shares an etcd lease. Before each keep-alive
// the store deletes a record from the shared etcd lease in three cases: its delete was not
// confirmed, its time passed without a confirmed renew, or its create was in doubt and no
// caller settled it. If the store cannot delete the record, the keep-alive is not sent. If
// the servers refuse the delete for good, the shared etcd lease is left to end. An empty one
// is kept for the next create, and Close revokes it.
//
// The servers refuse the keep-alive of an etcd lease, and each put on it, to a user without
// the right to write every key on it. If the right to one key is taken away, the store leaves the
// shared etcd lease to end, and the next renew moves each of the other records to another.
//
// A store keeps only its own etcd leases alive. If a record is on another one, a renew moves
// it to one of the store's own, at the cost of two more transactions. That is the case after
// another process created or renewed the record, and for an etcd lease that was left.
//
// Keep-alives share one stream. The store opens another after an error.
//
// A keep-alive does not check ownership, so Renew also checks its records, up to 125 in a
// transaction. For a larger batch without values the store instead asks the server for the
// keys attached to each etcd lease, and uses the answer for a sixteenth of the ttl. The
// list does not show a value that another program put on the record's own etcd lease; the
// next write or smaller batch finds it.
//
// # Concurrent calls
//
// While a transaction is under way, the store collects the creates and deletes of
// concurrent calls and sends them in the next transaction: one for each key, up to the
// server's limit of operations and 256 KiB of keys and values. Each is a transaction within it, with
// comparisons and an answer of its own, and without a failure branch: those that are refused are
// sent again in another transaction, with that branch. If the servers refuse the whole because of the
// etcd lease, the rights or the size of one call, each call is sent alone. A create with a
// value above 64 KiB always is.
//
// If the context of a call ends before its transaction is sent, the call is unavailable and
// never sent; afterwards it is in doubt. A transaction that takes longer than a quarter of a
// second, as on a member that hangs, no longer delays the next one.
//
// [Store.DeleteBatch] and [Store.Renew] put their items into transactions in the same way,
// and a few transactions are under way at a time. If a transaction gets no answer, its items
// are in doubt; the others have their answers.
//
// The store assumes that the servers take 128 operations and 256 KiB in a transaction. It
// halves the first number when they refuse so many (--max-txn-ops), and the second when a
// message is larger than they or the client take (--max-request-bytes, MaxCallSendMsgSize,
// MaxCallRecvMsgSize). It works with four operations, and [New] refuses servers that take
// fewer. A value that does not fit into a request is a *[store.InvalidError]. If an
// answer is larger than the client takes, its call is unavailable and changes nothing.
//
// # Guarantees
//
// The store keeps the laws of package store, as long as the cluster keeps its data. It does
// not repeat a write after its answer was lost, unless it is a delete. The client's own
// retries do not change that: the client retries only if nothing was sent, or if the servers
// refused an authentication token.
//
// A ttl is rounded up to whole seconds. The servers have a minimum, which follows from
// their election timeout: [New] asks for it, and a smaller ttl is refused with a
// *[store.InvalidError] that names it. If a server grants more than the requested ttl, the
// store revokes the etcd lease at once and refuses the create in the same way.
//
// # Not guaranteed
//
// [New] refuses etcd's grpc-proxy, which keeps an etcd lease alive for a client that hangs.
//
// A change of leader, or a restart, extends the time left of an etcd lease by up to one
// ttl. A cluster restored from a backup gives larger tokens only if its operator bumped
// the revisions (etcdutl snapshot restore --bump-revision). A cluster that lost its data
// begins again with small tokens. Watches notice both within seconds and resync.
//
// # Errors
//
// Beside the conditions of package store an error wraps the servers' fault:
//
//	ErrNoQuorum   unavailable if the servers did not try the write, else in doubt
//	ErrNoSpace    unavailable: the store reads the record to learn whether the write was
//	              applied; renewing without a value, reading and deleting go on
//	ErrDenied     unavailable: wrong credentials or too few rights; nothing happened
//	ErrLeaseGone  lost: the etcd lease expired or an operator revoked it; the next write
//	              to one of its records reports it
//	ErrInvalid    a ttl below the servers' minimum, or above a hundred years
//
// A compacted revision is no error: a watch that asks for one lists anew and says so with
// EventResync. Endpoints that do not answer are unavailable. If the context ends while a
// write may have been under way, the write is in doubt.
//
// # Watching
//
// A watch uses two etcd watches: one of the notes under the prefix, and one of the deletes
// of keys under it, so that it reports a record that an operator deletes at once. It
// reports a value put over a record once the record's time left has passed. An expiry and
// a delete look alike: the cause is CauseUnknown, or CauseExpired when the time left had
// passed.
//
// Each watch has a gRPC stream of its own. Up to 64 watched keys, and keys whose requests, answers or
// logs are read, share one. The servers must allow more of them on a connection
// (--max-concurrent-streams, by default without a limit), or other requests wait for one.
//
// All calls of [Store.WatchKey] for one key share its two etcd watches and its reads. A
// delete is reported from the event alone; a put costs one read of the key for all calls.
//
// When an etcd watch fails, the store opens another until that succeeds, and resyncs.
// Meanwhile the watch reports no changes, and [Store.WatchErr] says why.
//
// [Store.Deletions] is an etcd watch of the deletes of all notes. If a store deletes a
// record, its holder learns of it in milliseconds. If another program does, the holder
// learns of it from its next renew.
//
// # Members that hang
//
// A member that hangs keeps its connections and reports no error, so the store bounds each
// try. A read is sent to another member after at most five seconds, three times in all, and a
// transaction of [Store.Ask] until the deadline of its request. A delete, or the check of a renew, is
// sent again after one second, then after longer, eight times in all. The grant of an etcd lease ends
// after five seconds, and a keep-alive after five seconds or a quarter of the ttl, if that is less. A
// watch that hears nothing for ten seconds is opened again. Any other write takes as long as its
// context allows. A client that pings notices sooner: see DialKeepAliveTime in clientv3.Config.
//
// # Requests
//
// A request is a key under "leasehold:q:", an answer one under "leasehold:a:"; an answer deletes
// its request in the same transaction. Requests are ordered by their create revisions. Keys with
// equal lives share an etcd lease. The sender ends its request at the deadline, to the round
// trip, and says [store.ErrExpired] only once the request is gone. If the sender is gone, the
// etcd lease ends the request an eighth of its ttl later, or a second if that is more, in whole
// seconds rounded up, plus the servers' own delay; so it ends an answer. Senders of one store
// share a watch of a key's answers, which stays open for ten seconds after the last request. A
// request is a transaction of the sender, and a read and a transaction of the holder. A key
// under these prefixes with a value of another form is another program's: the holder that reads
// a foreign request deletes it.
//
// # Logs
//
// An entry of a log is a key under "leasehold:l:"; entries with equal lives share an etcd lease.
// Keys of another form are skipped, and count for the length of the log. An update cannot carry
// its entries without such an etcd lease, for a minute after the servers refused entries, or if
// they are many: they are appended in the background, in turn, and the update does not wait. If the
// cluster has lost its data, [Store.FollowLog] begins again with what there is.
//
// # Definitions
//
// A definition is a key under "leasehold:d:" and its id; definitions with equal lives share an etcd lease.
// To extend one, the store writes it again on another etcd lease.
//
// # Rights
//
// A user needs to read and write its own keys and everything under "leasehold:". If the
// user may read only a part of a prefix, a watch of the prefix uses the notes alone. A
// namespace (client/v3/namespace) has to be on the client's KV and Watcher alike; [New]
// tries it. [Check] names each right that is missing, and says what else is wrong with the servers.
package etcdstore
