// Package process holds the tests with real processes, killed, paused and in
// namespaces of their own: the example program, and the small one in directory
// holder. It has no code of its own.
package process
