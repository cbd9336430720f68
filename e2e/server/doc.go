// Package server holds the tests of a Redis server that is difficult: that comes
// back without its data, evicts, runs out of memory, turns into a replica, refuses
// its user, or has a clock that jumps. It has no code of its own.
package server
