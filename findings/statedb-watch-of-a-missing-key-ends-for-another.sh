#!/usr/bin/env bash
# github.com/cilium/statedb v0.9.4, Go 1.26.
#
# Guess: the channel of GetWatch "closes when object with ID '42' is inserted or deleted" (README), also if there is no
#        such object yet. So who waits for a key to come need not look again once it is closed.
# Seen:  so it is for a key that is there. For one that is missing the channel is that of the next node above it in the
#        radix tree, and a write to any key whose name begins alike closes it: an update or a deletion of "lock-b" ends
#        the watch of "lock-a", and in an empty table any key does. Get has to be asked again, with a new watch.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat >go.mod <<'END'
module finding

go 1.26.0

require github.com/cilium/statedb v0.9.4
END
cat >main.go <<'END'
package main

import (
	"fmt"

	"github.com/cilium/statedb"
	"github.com/cilium/statedb/index"
)

type lock struct{ ID, Holder string }

func (l *lock) TableHeader() []string { return []string{"ID", "Holder"} }
func (l *lock) TableRow() []string    { return []string{l.ID, l.Holder} }

var byID = statedb.Index[*lock, string]{
	Name:       "id",
	FromObject: func(l *lock) index.KeySet { return index.NewKeySet(index.String(l.ID)) },
	FromKey:    index.String,
	Unique:     true,
}

func main() {
	show := func(what string, keys []string, change func(statedb.WriteTxn, statedb.RWTable[*lock])) {
		db := statedb.New()
		table, err := statedb.NewTable(db, "locks", byID)
		if err != nil {
			panic(err)
		}
		txn := db.WriteTxn(table)
		for _, key := range keys {
			table.Insert(txn, &lock{key, "x"})
		}
		txn.Commit()
		_, _, watch, before := table.GetWatch(db.ReadTxn(), byID.Query("lock-a"))
		txn = db.WriteTxn(table)
		change(txn, table)
		txn.Commit()
		closed := false
		select {
		case <-watch:
			closed = true
		default:
		}
		_, _, after := table.Get(db.ReadTxn(), byID.Query("lock-a"))
		fmt.Printf("%v, %s: lock-a found before %t, its watch closed %t, found after %t\n", keys, what, before, closed, after)
	}
	insert := func(key string) func(statedb.WriteTxn, statedb.RWTable[*lock]) {
		return func(txn statedb.WriteTxn, table statedb.RWTable[*lock]) { table.Insert(txn, &lock{key, "y"}) }
	}
	remove := func(txn statedb.WriteTxn, table statedb.RWTable[*lock]) { table.Delete(txn, &lock{ID: "lock-b"}) }
	show("lock-b written", []string{"lock-a", "lock-b", "lock-c"}, insert("lock-b"))
	show("lock-b deleted", []string{"lock-a", "lock-b", "lock-c"}, remove)
	show("lock-b written", []string{"lock-b", "lock-c"}, insert("lock-b"))
	show("lock-b deleted", []string{"lock-b", "lock-c"}, remove)
	show("lock-d written", []string{"lock-b", "lock-c"}, insert("lock-d"))
	show("other written", []string{}, insert("other"))
}
END
GOWORK=off GOFLAGS=-mod=mod timeout 110 go build -p 1 -o finding . 2>err || { cat err; exit 1; }
timeout 30 ./finding | tee seen
diff seen - <<'END'
[lock-a lock-b lock-c], lock-b written: lock-a found before true, its watch closed false, found after true
[lock-a lock-b lock-c], lock-b deleted: lock-a found before true, its watch closed false, found after true
[lock-b lock-c], lock-b written: lock-a found before false, its watch closed true, found after false
[lock-b lock-c], lock-b deleted: lock-a found before false, its watch closed true, found after false
[lock-b lock-c], lock-d written: lock-a found before false, its watch closed true, found after false
[], other written: lock-a found before false, its watch closed true, found after false
END
echo "as found: statedb v0.9.4"
