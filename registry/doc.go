// Package registry publishes instances: each an identity, a machine and a lease,
// under a key that only one of them can hold.
//
// [Register] claims a key and publishes the instance as a JSON object: the user's
// own payload, filled from the instance's [Status], with one field appended,
// "leasehold", for what this package needs itself. [Run] does the whole of what a
// service wants: register, serve, leave. [Get], [List] and [Watch] read what is
// published, and need to hold nothing.
//
// # Guaranteed
//
//   - What the store shows is what the machine did: a transition is published
//     before it counts, and one that could not be published did not happen.
//   - An instance that dies vanishes within the ttl. One that leaves vanishes at
//     once.
//   - Every write of an instance (a transition, an update, an error, a heartbeat)
//     is made from the facts that the store last confirmed. A heartbeat shows the
//     state of the last transition and the payload of the last update, or newer
//     ones, never older.
//   - A refused registration says who holds the key, where, and since when.
//   - After a loss nothing is registered again, and nothing written. The machine
//     can walk to its end in this process.
//
// # Not guaranteed
//
//   - Names decide nothing. Two instances may show the same host, name and
//     address; the key has one holder, known by its token.
//   - [ReclaimName] trusts whoever hands out the names.
//   - The address is what [Config.PublicIP] finds in its time, or absent.
//   - Times are those of the clock of the machine that published them.
package registry
