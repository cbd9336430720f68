// Package etcdstore keeps leasehold's records in etcd, through go.etcd.io/etcd/client/v3:
// one member or a cluster. The oldest server that it is tested with is 3.7.3.
//
// # What lies where
//
// A record's value is under its key as it is, so that "etcdctl get key" reads it. All
// else begins with "leasehold:".
//
//   - leasehold:o:<key> is the note beside the record: "1", the nonce of the create
//     that began the term, the number of the last value, the granted ttl in seconds and
//     the value's size, with spaces between. The notes, which sort as their keys do,
//     are the index that List and Watch read.
//   - leasehold:n:<length of key>:<key>:<nonce> marks a nonce that a create of the key
//     has used, or that a delete has ended.
//
// A record and its note are always written in one transaction and lie on one lease.
// They are ours exactly as long as they have the same mod revision and the same lease,
// which nobody else can bring about: a bare put, a put with another lease or with the
// same, a delete and a put again all move the key's revision away from the note's.
// Whatever else is under a key is foreign, and no verb writes over it.
//
// # Which comparison guards what
//
//	Create   create revision of the key is 0     no record, ours or foreign
//	         create revision of the mark is 0    the nonce's term has not ended
//	Update   mod revision of key and note        neither was written, deleted, taken off its
//	Renew    are those of the last write         lease, or followed by another; so a late write
//	Delete                                       is refused too, and a late delete
//	         number of the value in the note     an older value sent anew is stale
//
// The failure branch of each reads key and note, so that the answer is known at once. A
// token is the key's create revision: the cluster orders it, it stays for the life of the
// record, and the next is larger. Revisions that the store does not know from its own
// writes, as after a restart of the process, it reads first.
//
// Marks are on leases of their own that are never renewed: a mark lives for a day and
// twice the ttl from its create. A nonce is also in the note, so that a create that comes
// again is known while its term lives, however long that is. Now and then the marks of a
// key are dropped but for the newest sixteen, and for those of nonces whose create may still
// be under way: ended by a delete by nonce, or by the store because nobody settled them. No
// message of a create is under way for a day.
//
// # Shared leases
//
// The records of a store with the same ttl share a lease, up to 16,384 of them, so that
// a heartbeat costs the same for one and for thousands. A record therefore expires
// together with the others ([store.Capabilities.GroupExpiry]). What is promised to a
// holder counts from the last keep-alive that was sent; one that is older than a
// sixteenth of the ttl is sent anew before a create or for a renew.
//
// Nobody may live on because others do. Before each keep-alive the store deletes from
// the lease the records whose holders no longer want them: those whose delete was not
// confirmed, those whose holders were told of no renew until their time had passed, and
// those of creates in doubt that nobody settled. If that cannot be had the keep-alive is
// not sent; if the servers refuse it for good the lease is left to end. An empty lease is
// kept for the next create, and given back by Close.
//
// A store keeps only leases of its own alive. A record that is renewed from elsewhere (its
// token is known there too, or its create is repeated), or is on a lease that was left, is
// put on another lease by that renew, which costs two transactions more.
//
// Keep-alives go over one stream, which is opened anew when it has broken.
//
// A keep-alive says nothing of who owns what, so Renew also checks its records: up to 124
// in a transaction. A larger batch without values is checked by asking the server once
// for all that is on the lease, as a census that is at most a sixteenth of the ttl old: it
// does not show a value that another program put on the very lease of the record, which
// then the next write or smaller batch finds.
//
// # Concurrent calls
//
// While a transaction is under way, the creates and deletes of concurrent calls are
// collected, and the next transaction has all of them: one for each key, up to the server's
// limit of operations and 256 KiB of values. Each is a transaction within it, with
// comparisons and an answer of its own. If the servers refuse the whole, for the lease, the
// rights or the size of one of them, each is sent alone. Values above 64 KiB always are.
//
// A call whose context ends before its transaction is sent is unavailable, and is never
// sent; afterwards it is in doubt. A transaction that takes longer than a quarter of a
// second, as on a member that hangs, no longer holds up the next one.
//
// [Store.DeleteBatch] and [Store.Renew] put their items into transactions in the same way,
// and a few transactions are under way at a time. An item whose transaction gets no answer
// is in doubt; the others have their answers.
//
// The store assumes that the servers take 128 operations in a transaction, and halves that
// number when they refuse so many (--max-txn-ops). It works with four.
//
// # What it guarantees
//
// The laws of package store, as long as the cluster keeps what it was given. No write but a
// delete is sent twice behind the caller's back, and what the client's own retries do (only
// where nothing was sent, or where the servers refused a token) does not change that.
//
// A ttl is rounded up to whole seconds. The servers have a minimum, which follows from
// their election timeout: [New] asks for it, and a smaller ttl is refused with a
// *[store.InvalidError] that names it. A server that grants more than it was asked for
// has its lease back at once, and the create is refused in the same way.
//
// # What it does not guarantee
//
// A change of leader, or a restart, lengthens what a lease has left by up to one ttl. A
// cluster restored from a backup gives larger tokens only if its operator bumped the
// revisions (etcdutl snapshot restore --bump-revision); one that lost its data begins
// anew. Watches notice both within seconds and resync.
//
// # Errors
//
// Beside the conditions of package store an error wraps what went wrong with the servers:
//
//	ErrNoQuorum   unavailable before it was sent on, else in doubt
//	ErrNoSpace    unavailable: the store reads back what became of the write; renewing
//	              without a value, reading and deleting go on
//	ErrDenied     unavailable: wrong credentials or too few rights; nothing happened
//	ErrLeaseGone  lost: the lease expired, or an operator revoked it, as the first who
//	              writes to one of its records afterwards is told
//	ErrInvalid    a ttl below the servers' minimum, or above a hundred years
//
// A revision that was compacted is no error: a watch that asks for one lists anew and says
// so with EventResync. Endpoints that nobody answers at are unavailable, and in doubt once the
// context has ended while a write may have been under way.
//
// # Watching
//
// A watch hears of changes by two watches of etcd's: of the notes under the prefix, and of
// the deletes of keys under it, so that a record which an operator deletes is told of at
// once. What was put over a record it tells once the record's time left has passed. An
// expiry and a delete look alike: the cause is CauseUnknown, or CauseExpired when the time left had
// passed.
//
// All calls of [Store.WatchKey] for one key share its two watches and its reads. A delete is
// told from the event alone; a put costs one read of the key for all of them.
//
// A watch that breaks is opened anew until that succeeds, and resyncs then. Meanwhile it
// hears of no changes, and [Store.WatchErr] says why.
//
// [Store.Deletions] is a watch of the deletes of all notes: a holder whose record is deleted by
// a store hears of it in milliseconds, and of what another program deletes when it renews.
//
// A member that hangs keeps its connections, and nothing says that it does. A read asks
// another after five seconds at most, three in all. A delete, or a check of a renew, is made
// again after one second, then after longer, eight times in all. The grant of a lease is given
// up after five seconds, a keep-alive after a quarter of the ttl if that is less, and a watch
// after ten, which is then opened anew; any other write takes as long as its context allows.
// A client that pings notices sooner: see DialKeepAliveTime in clientv3.Config.
//
// # Rights
//
// A user needs to read and write its own keys and everything under "leasehold:". A watch of
// a prefix of which the user may read a part only hears of the notes alone. A namespace
// (client/v3/namespace) has to be on the client's KV and Watcher alike; [New] tries it.
package etcdstore
