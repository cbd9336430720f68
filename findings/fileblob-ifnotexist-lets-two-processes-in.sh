#!/usr/bin/env bash
# gocloud.dev v0.49.0 (blob/fileblob), Go 1.26, Linux.
#
# Guess: of two processes that write one key of a bucket with IfNotExist at the same moment one succeeds, and the other
#        has FailedPrecondition: "if a blob exists for the same key in the bucket, the write operation won't succeed".
# Seen:  now and then both succeed, and the later one's content is there: both hold the lock. Close looks whether the
#        file exists and then renames its own file over it; what keeps that together is a mutex of the one process.
set -euo pipefail
dir=$(mktemp -d)
pids=''
trap '[ -z "$pids" ] || kill $pids 2>/dev/null || true; rm -rf "$dir"' EXIT
cd "$dir"
cat >go.mod <<'EOF'
module finding

go 1.26.0

require gocloud.dev v0.49.0
EOF
cat >main.go <<'EOF'
package main

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"time"

	"gocloud.dev/blob"
	"gocloud.dev/blob/fileblob"
	"gocloud.dev/gcerrors"
)

// main tries one key after the other, each at its time, and prints those that it got.
func main() {
	start, err := strconv.ParseInt(os.Args[2], 10, 64)
	if err != nil {
		panic(err)
	}
	bucket, err := fileblob.OpenBucket("bucket", &fileblob.Options{NoTempDir: true})
	if err != nil {
		panic(err)
	}
	for i := range 6000 {
		key := fmt.Sprintf("lock-%04d", i)
		time.Sleep(time.Until(time.Unix(start, int64(i)*int64(5*time.Millisecond))))
		err := bucket.WriteAll(context.Background(), key, []byte(os.Args[1]), &blob.WriterOptions{IfNotExist: true})
		if err == nil {
			fmt.Println(key)
		} else if gcerrors.Code(err) != gcerrors.FailedPrecondition {
			panic(err)
		}
	}
}
EOF
GOWORK=off GOFLAGS=-mod=mod timeout 900 go build -p 2 -o finding . 2>err || { cat err; exit 1; }
mkdir bucket
start=$(($(date +%s) + 2))
for name in first second; do
  timeout 80 ./finding "$name" "$start" >"$name" & pids="$pids $!"
done
for pid in $pids; do
  wait "$pid"
done
pids=''
both=$(sort first second | uniq -d | wc -l)
got=$(sort -u first second | wc -l)
echo "$got of 6000 keys were got"
if [ "$both" -gt 0 ]; then
  echo "some of them by both processes"
else
  echo "none of them by both processes"
fi | tee seen
[ "$got" = 6000 ]
diff seen - <<'EOF'
some of them by both processes
EOF
echo "as found: gocloud.dev v0.49.0"
