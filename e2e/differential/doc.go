// Package differential sends the same random programmes of calls to memory, Redis and
// etcd at once and compares their answers, the tokens that they grant, and the records
// afterwards, as their stores and their plain clients show them. It has no code of its own.
//
// The first difference ends a programme. It is cut down to a short one and printed as
// Go, to be kept in the table of TestProgrammesThatDiffered.
//
// Backends may differ in the numbers of tokens: only their order and equality within a key
// are compared. They may differ in the time left, up to the precision that each declares,
// and in the moment of an expiry: no call is made while a record has expired on only some
// of them. A foreign value needs a program beside the store, and memory has none: the
// programmes with such values leave memory out.
package differential
