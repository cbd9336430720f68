// Package registry publishes service instances. An instance is an identity, a state machine
// and a lease, under a key that only one instance can hold.
//
// [Register] claims a key and writes a JSON object under it: the user's payload with one field
// appended, "leasehold", which holds the registry's part of the record. [Run] registers, calls
// a function that serves, and leaves; [Supervise] runs again after a loss. Without a lease, [Get],
// [List] and [Watch] read records, [Request] asks an instance to move, and [ReadLog] and
// [FollowLog] read activity logs. [ReadDefinition] reads the definition of an instance's machine.
//
// # Guaranteed
//
//   - A transition is written to the store before the machine moves. If the write fails, the
//     machine does not move.
//   - The record of an instance that dies expires within its TTL. [Instance.Leave] and
//     [Instance.Deregister] delete it at once.
//   - Every value (of a transition, an update, an error, a heartbeat) is made from the contents
//     that the store confirmed last. A heartbeat never writes an older state or an older payload.
//   - The error of a refused registration names the instance that holds the key, its host and the
//     time since it does.
//   - A guard or hook of the machine that has not returned for a minute becomes
//     [Status.LastError] with the next heartbeat, unless [Config.LivenessOnly] is set. [Run],
//     [Instance.Leave] and [Instance.Deregister] release the lease and end within the limits
//     stated under Leaving, whatever a guard, a hook or a function of Config does.
//   - After a loss, the instance writes nothing and does not claim the key again. The machine can
//     still go through its leave path in this process. [Supervise] makes a new instance.
//
// # Not guaranteed
//
//   - Instance name, host and address do not identify the holder and need not be unique. Only the
//     token does.
//   - [ReclaimName] is safe only if each instance name is in use once at a time.
//   - [ReclaimDead] does not recognise a copy of a running machine or process.
//   - The address is absent if [Config.PublicIP] fails or takes more than 3 s.
//   - Times come from the clock of the machine that wrote the record.
//
// # Registration
//
// [Register] checks its arguments before it sends anything. It fails with
//
//   - *[store.InvalidError] for a nil keeper, a definition that [fsm.Define] did not make, a
//     field of Config that breaks its rule, and a value that is too long;
//   - *[fsm.OptionError] for machine options that the definition does not accept, including an
//     [fsm.WithWriter] or a definition with an [fsm.Encode] rule, because the registry itself
//     writes the value;
//   - [ErrBadPayload] for a payload that cannot be published;
//   - *[ConflictError] while another instance holds the key, unless [Config.Wait] is set or
//     [Config.Reclaim] allows to take the key;
//   - *[WaitError] if the context of a wait ends before the key is free;
//   - an error around that of [Health.Live], with [Health.Gate], if the service is not live;
//   - *[store.ForeignError] if the key has a foreign value;
//   - the other errors of [lease.Keeper.Acquire].
//
// A panic of [Config.Fill], or of the function of an [fsm.TimeoutFunc] of the initial state, passes
// through. The key is not held then.
//
// # Reclaim after a crash
//
// [ReclaimDead] compares the boot id, the PID namespace and the time namespace of the holder with
// the caller's own. If all are equal, it looks for a process with the id and the start time of
// the holder. It keeps the record
//
//   - of a process in another container: containers share a boot id and each has a process 1,
//     but their PID namespaces differ;
//   - of a process in another time namespace, where start times differ;
//   - if a field is unknown, to the holder or to the caller: the record is of an earlier
//     version, the kernel has no time namespaces (before Linux 5.6), or /proc is not mounted,
//     does not show the file, or shows another PID namespace;
//   - if a process has the id, but /proc hides it (mount option hidepid).
//
// Two cases cannot be told from the end of the holder. The holder loses its lease there and
// learns of it at its next write, so use another policy:
//
//   - Virtual machines that run from one memory snapshot have the same boot id and the same
//     numbers of namespaces. A process that started after the snapshot exists in one of them.
//   - A process that is checkpointed and restored, as with CRIU, does not exist in between, and
//     has another start time afterwards.
//
// # Requests
//
// An instance with [Config.Requests] carries out requests that anybody with rights on the store
// sends by [Request]: a transition to a state, or an event with an argument. Requests go through
// the machine as calls of the instance's own process do, one at a time, in the order of their
// arrival at the store. The answer says done, done with errors (a hook failed after the commit),
// rejected (with the permitted states or events), failed or expired.
//
//   - A request has an id and is carried out once for it, until [AnswerKept] after its deadline:
//     also if a reply was lost, or the instance was restarted or taken over. An answer is stored
//     in the same write as the transition. Only an event that does not move the machine, and
//     that has not ended by its deadline or whose instance dies meanwhile, has the answer failed
//     although it may have had its effect; the error says so.
//   - No transition is written after the deadline of its request, and no event begins after it.
//     The store's clock decides. Hooks may take longer.
//   - A transition whose write is in doubt is undone first and answered as failed then.
//   - An instance that cannot read its requests publishes that as the last error and goes on
//     trying.
//   - The name of a sender is not proved. docs/operations.md has the rights for asking and for
//     answering.
//
// A leaving instance takes no more requests. The next instance carries out the waiting requests,
// unless they name the token of a lease. Before its lease is released, a leaving instance waits for
// the request that it is carrying out, for a second at most.
//
// # Activity log
//
// An instance with [Config.Log] has the store keep a log under its key: registrations,
// transitions, requests and their outcome, errors and leaves. It outlives the instance.
// [ReadLog] reads it forward or backward, [FollowLog] also as it grows.
//
//   - The entry of a transition is stored with it, and so are earlier entries that are still on
//     their way. It comes soon after the transition if those are more than 63 or 64 KiB, or if the
//     store cannot carry it (see [store.Logger]); FlushLog of the lease waits for it. After a
//     transition that failed there is none. Other entries follow soon after: a reply can be there
//     before the entry of its request.
//     A transition whose reply was lost may leave an entry although it was undone; the next
//     entry of a transition has the same number then.
//   - Entries are ordered by the token of the lease, then by number. A missing number is an
//     entry that could not be stored, which [Instance.LogDropped] counts, or the entry of a
//     transition whose reply was lost and which was undone. An entry whose replies were all lost
//     counts as dropped although it may be there.
//   - A log that cannot be written neither fails nor delays a transition.
//   - An instance that lost its lease cannot log that. Readers derive it: [LogLost].
//
// # Definitions
//
// An instance publishes the description of its machine's definition ([fsm.Description]), so that
// a program that only has the store can draw it: its states, edges, and the names of its events,
// guards and timeouts, and no code. The record has its id, [Record.Definition].
//
//   - The id is made of the content, not of [fsm.Definition.Fingerprint], which two versions of a
//     service with different guards share. Instances with equal definitions share one; another
//     version has another. A reader finds out if its content was changed.
//   - It is written in the background once the instance is registered, so it may be missing in the
//     first moments. Neither the registration nor a heartbeat waits for it or fails with it. A
//     write that fails is tried again, and told to observers ([NoticeDefinition]).
//   - It is kept for a day, or for twelve times the TTL of records if that is longer, and written
//     again when a third of that has passed. Instances of a process with the same keeper and
//     definition write it together. It stays for a sixth of that time after the last instance, at
//     least.
//   - A definition of more than [store.MaxDefinition] bytes is not published.
//
// Definitions are published unless [Config.NoDefinition] is set, because they cost little: a value
// of some kilobytes for each version of a service, a few commands for each process and day, and
// 50 bytes in each record. They need no more rights than a record does. A user with the right to
// read everything under "leasehold:" can read the names in them.
//
// # Health
//
// A [Health] in [Config.Health] tells whether a service is live, and whether it is ready, from the
// memory of the process. Package probe shows it by HTTP.
//
//   - A service is not live after an error of [Health.Report], while guards and hooks of a change
//     take longer than [Health.StuckAfter], and once its serve function has not called [Health.Alive]
//     for [Health.AliveWithin]. Before it holds its key, and without an instance, only Report counts.
//   - It is ready in the states of [Health.ReadyIn], while it holds its key, is live and does not
//     leave. It is no longer ready once the context of [Run] or [Supervise] has ended. A waiting
//     service is ready if [Health.ReadyWhileWaiting] says so.
//   - With [Health.Gate], the lease of a service that is not live is not renewed. It is lost within
//     a TTL, with [lease.ErrUnhealthy], and the record is there for as long as the lease can be
//     trusted. A process that is stuck cannot hold a key for ever then, although its heartbeats go
//     on.
//
// # Observers and logging
//
// The observers of [Config.Observers] get a [Notice] of each registration, change of the machine,
// request, error, loss, leave and restart. [LogTo] writes them to a logger.
//
// The log lines of this package and its observers have these attributes, and no others;
// package lease logs a panic of a callback, with stack.
//
//	key, instance, token             of the instance
//	from, to, event, cause, number   of a transition, or of the change that was rejected
//	request, sender, asked, outcome  of a request: its id, and what was asked for
//	count                            of dropped entries of the activity log
//	duration                         of the change or request; of the pause before a restart
//	error                            why: its text, or the error
//	notice                           the kind, in the value of a notice
//	panic, stack                     of a guard, hook or observer
//
// # Leaving
//
// [Instance.Leave] moves the machine through [Config.LeavePath] and then releases the lease. It
// skips the current state and states without an edge from the current state. While the store is
// unavailable, or its answer is lost, a transition is tried again, with its guards and before
// hooks. A refused transition ends the path; an error of a hook after the commit does not. The
// lease is released in every case, also if a hook panics. Then the machine is closed: later
// changes fail with [fsm.ErrClosed].
//
// Leave works after its context has been cancelled: the path has [Config.LeaveTimeout], and the
// release has the time of [lease.Lease.Release]. After the release, Leave waits at most five
// seconds for a change that is under way and for [Config.PublicIP]. Its error names the function
// that has not returned by then, and its goroutine is left behind. Run waits for serve without a
// limit: serve has to return when its context ends.
//
// If the lease is lost before or on the way, Leave
// detaches the machine, and the rest of the path runs in this process without writes.
//
// # Loss
//
// The context that [Run] passes to serve ends when the lease is lost, with the *[lease.LostError]
// as its cause. Run then returns that error too: in place of a bare [context.Canceled] from serve,
// which the loss may have caused, and joined with any other error. So it does with [lease.ErrReleased]
// if the keeper is closed meanwhile.
package registry
