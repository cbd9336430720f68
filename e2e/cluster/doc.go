// Package cluster holds the tests of faults that only a cluster of etcd members can
// suffer: leaders that are killed, members that are lost and come back with nothing, a
// quorum that is lost and restored, compaction and defragmentation under watches. It
// has no code of its own.
package cluster
