// Package storetest checks that a [store.Store] keeps the contract of package
// store. Whoever writes a backend runs it from one test:
//
//	func TestConformance(t *testing.T) {
//		storetest.Run(t, storetest.Harness{
//			Open: func(t *testing.T) storetest.Fixture {
//				st := mystore.New(...)
//				t.Cleanup(func() { st.Close() })
//				return storetest.Fixture{Store: st}
//			},
//		})
//	}
//
// Each law is a subtest, and each way to break it a case below that. A case that
// fails quotes its law. The model test, [Run]'s last but one, sends random
// programmes of all verbs to the store and to a model of a page, and prints the
// shortest programme on which the two differ as Go code; the last compares what
// watches tell with what List yields.
//
// # What is checked against what
//
// Where backends differ the laws are checked with what the store declares
// ([store.CapabilitiesOf]). In virtual time a record has to be there to the last
// nanosecond of its ttl, and gone after it and the declared precision. In real
// time it still may not go early by the caller's clock, and has two seconds more
// to go, for the machine may be busy. What the store says of the time left is
// held to its precision in both.
//
// # Tries
//
// In real time the machine may be too slow for a case: a record that is to live for a
// while has rightly expired before the case comes to it. Whatever goes wrong in a
// try of the case when the time of a record has run out on which it relies proves
// nothing. Nor does a call that the server had no time to answer in a case of such
// records, nor what was late by the clock. The case is then tried again, on another
// fixture and with a ttl twice as long; only the fifth try fails for what may be the
// machine's doing, and says so. All else fails at once. Each try is a subtest that is
// named for its ttl, and a log line says why one was not the last.
//
// # What is left out
//
// A case needs what its harness can do. The cases that need a field of [Fixture]
// which is nil do not run, and the end of the test's log (go test -v) names
// them; nothing is skipped. Not checked at all, because it takes several servers
// or a network of one's own: failover, replicas, partitions, clocks that step.
package storetest
