// Package differential sends the same random programmes of calls to memory, Redis and
// etcd at once and compares what they answer, the tokens that they grant, and the
// records that they then have, as their stores and their plain clients show them. It
// has no code of its own.
//
// The first difference ends a programme. It is cut down to a short one and printed as
// Go, to be kept in the table of TestProgrammesThatDiffered.
//
// Where backends may differ, they do: in the numbers of tokens, of which only the
// order and the equality within a key is compared; in the time left, to the precision
// that each declares; in the moment at which a record goes, so that no call is made
// while it is gone on some and not yet on others. A foreign value needs a program
// beside the store, and memory has none: the programmes with such values leave memory
// out.
package differential
