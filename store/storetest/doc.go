// Package storetest is the conformance suite for implementations of [store.Store].
// A backend runs it from one test:
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
// Each law of the contract is a subtest, and each case of a law a subtest of that. A failure
// has the store's answer, the expected one, and the text of the law.
//
// Two property tests follow the laws. The model test sends random programmes of all
// verbs to the store and to a model, a map with a clock. If the two differ, it prints the
// shortest such programme as Go code. The watch test compares the events of watches with
// List while writers are at work.
//
// # Capabilities and time
//
// The suite checks a store against the capabilities that it declares
// ([store.CapabilitiesOf]). In virtual time a record must exist until the last
// nanosecond of its TTL, and be gone after its TTL plus the declared precision. In real
// time a record must not expire early by the caller's clock, and may expire two
// seconds later, because the machine may be busy. In both, the reported time left must
// be right to the declared precision.
//
// # Tries
//
// In real time a slow machine can let a record expire before the case reaches it. A
// failure is therefore inconclusive if a record that the case depends on had already
// expired. So is an unanswered call in a case of records that expire, and a limit that
// was exceeded by the clock. An inconclusive case runs again, on another fixture and
// with twice the TTL; only its fifth try fails, and the message says that the machine
// may be the reason. Any other failure is final. Each try is a subtest named for its
// TTL, and the log says why a try was inconclusive.
//
// # Cases that do not run
//
// A case that needs a capability or a nil field of [Fixture] does not run, and the
// end of the test's log (go test -v) names it; no case is skipped silently. The suite
// does not cover failover, replicas, partitions and clock steps, which need several
// servers or a network of their own.
package storetest
