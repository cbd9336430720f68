// Package conformance holds every backend to the same suites: package storetest on
// the servers that people run, and the promises of the layers above on any store. It
// has no code of its own.
package conformance
