// Package leasehold gives a service a validated lifecycle, held under a lease.
//
// Each instance claims a named resource, of which there is one holder at a time;
// walks through a declared table of states, in which every invalid step is refused;
// shows itself with a heartbeat; and vanishes by itself when it dies. Redis, etcd
// or process memory hold the record, and nothing above the store changes when the
// store does.
//
// This package is empty. The parts, from the top:
//
//   - [github.com/leasehold-go/leasehold/registry]: an instance is an identity, a
//     machine and a lease under one key; list and watch them
//   - [github.com/leasehold-go/leasehold/fsm]: a state machine on a table, alone or
//     on a lease
//   - [github.com/leasehold-go/leasehold/lease]: acquire a key, keep it by
//     heartbeat, know when it is lost
//   - [github.com/leasehold-go/leasehold/store]: the contract that the backends keep
//   - [github.com/leasehold-go/leasehold/store/redis],
//     [github.com/leasehold-go/leasehold/store/etcd] and
//     [github.com/leasehold-go/leasehold/store/memory]: the backends
//   - [github.com/leasehold-go/leasehold/store/storetest] and
//     [github.com/leasehold-go/leasehold/fsm/fsmtest]: suites for backends and
//     definitions of your own
package leasehold
