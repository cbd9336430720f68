// Package e2e holds the tests that need more than importers of the library should
// get with it: a checker of histories for linearizability. It has no code of its
// own.
package e2e
