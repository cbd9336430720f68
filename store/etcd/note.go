package etcdstore

import (
	"encoding/hex"
	"strconv"
	"strings"
	"time"

	"github.com/leasehold-go/leasehold/store"
)

// note identifies the record beside it as the library's. Both are always written in one
// transaction and are on one etcd lease: a foreign value has another revision than the note.
type note struct {
	nonce store.Nonce   // of the create that began the lease
	seq   uint64        // number of the last value, 0 for the first
	ttl   time.Duration // of the etcd lease, as granted
	size  int           // of the value in bytes, so that a list can bound its reads
}

const noteVersion = "1"

// String returns the note as it is stored, in words that a person can read too.
func (n note) String() string {
	text := make([]byte, 0, 64)
	text = append(text, noteVersion...)
	text = hex.AppendEncode(append(text, ' '), n.nonce[:])
	text = strconv.AppendUint(append(text, ' '), n.seq, 10)
	text = strconv.AppendInt(append(text, ' '), int64(n.ttl/time.Second), 10)
	text = strconv.AppendInt(append(text, ' '), int64(n.size), 10)
	return string(text)
}

// parseNote reads a note. It accepts only text that String returns.
func parseNote(text string) (note, bool) {
	words := strings.Split(text, " ")
	if len(words) != 5 || len(words[1]) != 2*len(store.Nonce{}) {
		return note{}, false
	}
	var n note
	nonce, err1 := hex.DecodeString(words[1])
	seq, err2 := strconv.ParseUint(words[2], 10, 64)
	ttl, err3 := strconv.ParseUint(words[3], 10, 32)
	size, err4 := strconv.ParseUint(words[4], 10, 31)
	if err1 != nil || err2 != nil || err3 != nil || err4 != nil {
		return note{}, false
	}
	copy(n.nonce[:], nonce)
	n.seq, n.ttl, n.size = seq, time.Duration(ttl)*time.Second, int(size)
	return n, n.String() == text
}
