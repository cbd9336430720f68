#!/usr/bin/env bash
# github.com/cilium/statedb v0.9.4, Go 1.26.
#
# Guess: an iterator of Changes gives every deletion: deleted objects live in a "graveyard" of their own "until all
#        change iterators have observed the deletion". Only of an object that was created and deleted since is the
#        creation left out, and "only the deletion is seen".
# Seen:  the other way round the deletion is left out: if the key was inserted again since, there is one change, an
#        insertion, the same as for an update. Insert takes the old object out of the graveyard again. Who follows a
#        table of locks and acts on deletions does not hear that a has let go, though that was a commit of its own.
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
	db := statedb.New()
	table, err := statedb.NewTable(db, "locks", byID)
	if err != nil {
		panic(err)
	}
	txn := db.WriteTxn(table)
	iterator, err := table.Changes(txn)
	if err != nil {
		panic(err)
	}
	txn.Commit()
	insert := func(id, holder string) {
		txn := db.WriteTxn(table)
		table.Insert(txn, &lock{id, holder})
		txn.Commit()
	}
	remove := func(id string) {
		txn := db.WriteTxn(table)
		table.Delete(txn, &lock{ID: id})
		txn.Commit()
	}
	show := func(what string) {
		fmt.Println(what + ":")
		changes, _ := iterator.Next(db.ReadTxn())
		for change := range changes {
			fmt.Printf("  %s of %s, deleted: %t\n", change.Object.ID, change.Object.Holder, change.Deleted)
		}
	}
	insert("lock", "a")
	show("taken by a")
	insert("lock", "a again")
	show("updated by a")
	remove("lock")
	insert("lock", "b")
	show("deleted by a, then taken by b")
	remove("lock")
	show("deleted by b")
	insert("lock", "c")
	show("taken by c")
}
END
GOWORK=off GOFLAGS=-mod=mod timeout 110 go build -p 1 -o finding . 2>err || { cat err; exit 1; }
timeout 30 ./finding | tee seen
diff seen - <<'END'
taken by a:
  lock of a, deleted: false
updated by a:
  lock of a again, deleted: false
deleted by a, then taken by b:
  lock of b, deleted: false
deleted by b:
  lock of b, deleted: true
taken by c:
  lock of c, deleted: false
END
echo "as found: statedb v0.9.4"
