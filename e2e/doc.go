// Package e2e holds the tests that need more than importers of the library should
// get with it: real servers of every kind, an etcd among them that is built from its
// module, and a checker of histories. In this folder is the law of concurrency:
// histories of concurrent calls are linearizable. Beside it:
//
//   - backends: the one table of stores that the tests range over
//   - conformance: the suite of store/storetest, the keeper, the registry and the
//     example, on each of them
//   - differential: the same random programmes on memory, Redis and etcd at once
//   - faults: what the protocol before this one got wrong
//   - network: between library and server, one that loses, delays, cuts and freezes
//   - process: real processes, killed and paused
//   - server: a difficult Redis
//   - etcd, cluster: what is etcd's own, of one member and of several
//   - etcdtest: etcd servers for tests
//   - drawings: what fsm/fsmdraw draws, rendered by a real Mermaid in a browser and by a real
//     dot, and read again
//   - xstate: random state machines of fsm beside a real XState, step by step
//   - operations: the rights and sizes of docs/operations.md
//   - systemd, kubernetes: the files of docs/service.md, under a real systemd and the kubelet's prober
//   - cmd/matrix: the suites on any server, through each kind of client
//   - cmd/devservers: a Redis and an etcd for whoever has neither
package e2e
