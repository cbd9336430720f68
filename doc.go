// Package leasehold gives a service a validated lifecycle, held under a lease.
//
// Each instance claims a key, which has one holder at a time. It goes through the states of
// a declared table, which refuses every other transition. A heartbeat renews and publishes
// its record, and the record expires if the instance dies. Redis, etcd or process memory
// hold the record, and the code above the store is the same for each.
//
// This package is empty. The packages of the module are, from the top:
//
//   - [github.com/leasehold-go/leasehold/registry]: an instance is an identity, a
//     machine and a lease under one key; list and watch instances; beside it probe, webhook
//     and publicip
//   - [github.com/leasehold-go/leasehold/fsm]: a state machine on a table, alone or with a
//     writer, such as a lease
//   - [github.com/leasehold-go/leasehold/fsm/fsmdraw]: draws a definition, as Mermaid or
//     DOT
//   - [github.com/leasehold-go/leasehold/lease]: acquire a key, renew its lease, learn of
//     its loss
//   - [github.com/leasehold-go/leasehold/store]: the contract of the backends
//   - [github.com/leasehold-go/leasehold/store/redis],
//     [github.com/leasehold-go/leasehold/store/etcd] and
//     [github.com/leasehold-go/leasehold/store/memory]: the backends
//   - [github.com/leasehold-go/leasehold/store/storeurl]: opens the store that a URL names
//   - [github.com/leasehold-go/leasehold/store/storetest] and
//     [github.com/leasehold-go/leasehold/fsm/fsmtest]: test suites for a new backend and for
//     a definition
package leasehold
