#!/usr/bin/env bash
# github.com/gofrs/flock v0.13.2 on Linux, Go 1.26.
#
# Guess: TryLock by a reader either turns its shared lock into an exclusive one, or says false and leaves the
#        shared lock as it was.
# Seen:  a TryLock that says false has given up the shared lock, as flock(2) permits. RLocked still says true,
#        and so does a new TryRLock, which does not ask the system, while another holds the exclusive lock.
#        Only an Unlock before TryRLock shows the truth.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat >go.mod <<'END'
module finding

go 1.26.0

require github.com/gofrs/flock v0.13.2
END
cat >main.go <<'END'
package main

import (
	"fmt"

	"github.com/gofrs/flock"
)

func show(name string, f func() (bool, error)) {
	ok, err := f()
	fmt.Println(name, ok, err)
}

func main() {
	reader, other, writer := flock.New("file"), flock.New("file"), flock.New("file")
	show("reader, shared:", reader.TryRLock)
	show("other, shared:", other.TryRLock)
	show("writer, exclusive:", writer.TryLock)
	show("reader, exclusive:", reader.TryLock)
	fmt.Println("reader has the shared lock:", reader.RLocked())
	fmt.Println("other leaves:", other.Unlock())
	show("writer, exclusive:", writer.TryLock)
	fmt.Println("reader has the shared lock:", reader.RLocked())
	show("reader, shared:", reader.TryRLock)
	fmt.Println("reader leaves:", reader.Unlock())
	show("reader, shared:", reader.TryRLock)
}
END
GOWORK=off GOFLAGS=-mod=mod go run . 2>/dev/null | tee seen
diff seen - <<'END'
reader, shared: true <nil>
other, shared: true <nil>
writer, exclusive: false <nil>
reader, exclusive: false <nil>
reader has the shared lock: true
other leaves: <nil>
writer, exclusive: true <nil>
reader has the shared lock: true
reader, shared: true <nil>
reader leaves: <nil>
reader, shared: false <nil>
END
echo "as found: flock v0.13.2"
