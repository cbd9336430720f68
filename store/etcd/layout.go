package etcdstore

import (
	"strconv"
	"strings"

	"github.com/leasehold-go/leasehold/store"
)

// notes is the prefix of the names of notes. A note's name sorts as its key does, so the
// notes are also the index of the records.
const notes = store.Reserved + "o:"

// noteOf names the note beside the record of a key.
func noteOf(key string) string { return notes + key }

// keyOf is the reverse of noteOf.
func keyOf(name string) (key string, ok bool) { return strings.CutPrefix(name, notes) }

// marks is the prefix of the names of marks.
const marks = store.Reserved + "n:"

// marksOf is the prefix of the names of a key's marks. It has the key's length, or the
// marks of "a:" would have the prefix of "a".
func marksOf(key string) string {
	n := strconv.Itoa(len(key))
	return marks + "000"[min(len(n), 3):] + n + ":" + key + ":"
}

// markOf names the mark of one nonce.
func markOf(key string, n store.Nonce) string { return marksOf(key) + n.String() }
