// Package locks measures leasehold's leases beside other locks and beside the same work
// written by hand, on a Redis server and an etcd member of its own.
//
//	go run ./cmd/locks                 # runs everything and compares it with the targets
//	go run ./cmd/locks -quick          # a minute, to see that it works
//	go run ./cmd/locks -write          # renews locks-results.txt, docs/benchmarks.md and the plot
//
// A [Case] is one kind of work. Its contenders take turns within a round, and the first
// turn of a round goes to another contender each time, so that noise of the machine hits
// all of them alike. The output has the format of `go test -bench`, one line a turn, and
// ratios are formed within a round.
//
// The commands for one waiter beside its neighbours are all that the server executed, in
// scripts too, less the commands in the same time without the waiter. The holder renews
// meanwhile, and its TTL passes once.
//
// # How the contenders are used
//
// Each contender has a client of its own with the client's default options, a TTL of 45 s
// and a context that can be cancelled. Everything runs in one process beside the server.
//
//   - leasehold is Keeper.Acquire and Lease.Release. leasehold-store is Create and Delete
//     of the store alone, without a keeper.
//   - raw is SET NX PX and a script that compares and deletes, on go-redis. raw-piped is
//     the same on go-redis's AutoPipeline. On etcd raw is a guarded transaction each, on a
//     shared lease.
//   - by-hand is the case written without a library: pipelines of 256 scripts, or a
//     publish by the release and a subscription of the waiter.
//   - redislock and redsync run with one attempt where the key is free. As waiters
//     redislock retries every 100 ms, as its documentation shows, and redsync with its own
//     defaults.
//   - rueidislock has a majority of 1 and NOLOOP tracking, its fastest documented mode.
//   - mutex is concurrency.Mutex of etcd's client on a shared session. Mutexes of one
//     session share a key, so the waiters of one key have a session each, and their
//     requests include the keep-alives of these sessions.
//
// No peer has a fencing token, a listing, or a value that is checked before it is
// overwritten. leasehold has all of them in every figure.
package locks
