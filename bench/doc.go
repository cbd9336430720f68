// Package bench holds the benchmarks of leasehold's state machine, side by side
// with its peers and with a machine written by hand, in one run on one table.
//
//	go run ./cmd/ratios          # runs, compares with the targets
//	go run ./cmd/ratios -write   # and renews docs/benchmarks.md and its plot
//
// The benchmarks are named for benchstat: Benchmark<Case>/lib=<library>.
//
// # How the libraries are used
//
// Each is used as its own documentation says, in the fastest way given there: parts
// that it allows to be shared are shared, names are put into interfaces ahead of the
// loop, every library gets context.Background, and the loops call it directly. Missing
// features are not added: the peers have no history of transitions and so do less in a
// transition than leasehold and the baseline, which remember 50.
//
//   - leasehold moves by target (Transition) and by typed event (Event).
//   - baseline is a machine written by hand, and no more: a mutex, states interned to
//     small integers, a ring of 50, the monotonic clock. It takes the same State as
//     leasehold. baseline-ids takes the integers themselves.
//   - looplab moves by event only. Each machine compiles the table anew: there is
//     nothing to share but the list of events.
//   - stateless moves by trigger only, in two modes: queued runs to completion and
//     is the one that its documentation recommends; immediate neither queues nor
//     serialises. Each machine is configured anew.
//   - statekit moves by event only. An event that leads nowhere is dropped without
//     a word, so its rejection tells the caller nothing, and it has no Can.
//
// The tests of this package check the claims of the benchmarks for each library: the
// walk, the refusals, the hook, the history.
package bench
