#!/usr/bin/env bash
# azurite 3.37.0 with azblob v1.8.3 of the Azure SDK for Go, Node 18 or later, Go 1.26.
#
# Guess: a blob lease of 60 seconds that is held when the storage emulator is restarted, as for an upgrade, is held
#        afterwards for the rest of its time: state is kept on disk, and a lease without an end outlives the restart.
# Seen:  it has expired at once, and another client gets it while the first believes that it has 50 seconds more. The
#        time of the end is a Date in memory and text in the file. After the restart the text is compared with a Date,
#        which is never "before" it, so every lease with a duration counts as expired.
set -euo pipefail
command -v npm >/dev/null || { echo "install the Debian package npm" >&2; exit 1; }
dir=$(mktemp -d)
server=''
trap '[ -z "$server" ] || kill "$server" 2>/dev/null || true; rm -rf "$dir"' EXIT
cd "$dir"
echo '{"private": true}' >package.json
timeout 600 npm install --no-audit --no-fund --ignore-scripts --prefer-offline --omit=optional azurite@3.37.0 >npm.log 2>&1 || { cat npm.log; exit 1; }
cat >go.mod <<'END'
module finding

go 1.26.0

require github.com/Azure/azure-sdk-for-go/sdk/storage/azblob v1.8.3
END
cat >main.go <<'END'
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/lease"
)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func result(err error) string {
	var refused *azcore.ResponseError
	if errors.As(err, &refused) {
		return refused.ErrorCode
	}
	return "ok"
}

func main() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	account, key, _ := strings.Cut(os.Getenv("AZURITE_ACCOUNTS"), ":")
	client := must(azblob.NewClientWithSharedKeyCredential(os.Args[1], must(azblob.NewSharedKeyCredential(account, key)), nil))
	jobs := client.ServiceClient().NewContainerClient("jobs")
	first, second := "11111111-1111-1111-1111-111111111111", "22222222-2222-2222-2222-222222222222"
	if os.Args[2] == "before" {
		must(jobs.Create(ctx, nil))
	}
	for _, seconds := range []int32{60, -1} {
		blob := jobs.NewBlockBlobClient(fmt.Sprint("lease", seconds))
		name := map[int32]string{60: "lease of 60 s", -1: "lease without an end"}[seconds]
		if os.Args[2] == "before" {
			must(blob.UploadBuffer(ctx, []byte("job"), nil))
			must(must(lease.NewBlobClient(blob, &lease.BlobClientOptions{LeaseID: &first})).AcquireLease(ctx, seconds, nil))
		}
		state := *must(blob.GetProperties(ctx, nil)).LeaseState
		_, err := must(lease.NewBlobClient(blob, &lease.BlobClientOptions{LeaseID: &second})).AcquireLease(ctx, 60, nil)
		fmt.Printf("%s the restart, %s: %s, second client's acquire: %s\n", os.Args[2], name, state, result(err))
	}
}
END
GOWORK=off GOFLAGS=-mod=mod timeout 300 go build -o finding . 2>err || cat err
AZURITE_ACCOUNTS=finding:$(head -c 32 /dev/urandom | base64)
export AZURITE_ACCOUNTS
start() { # sets url
  : >log
  node node_modules/azurite/dist/src/blob/main.js --blobHost 127.0.0.1 --blobPort 0 -l "$dir/data" --disableTelemetry --skipApiVersionCheck >log 2>&1 & server=$!
  for _ in $(seq 300); do
    url=$(sed -n 's,.*successfully listens on \(http://[0-9.:]*\).*,\1/finding,p' log)
    [ -z "$url" ] || return 0
    sleep 0.1
  done
  cat log; exit 1
}
start
timeout 60 ./finding "$url" before >seen
kill "$server"; wait "$server" || true
start
timeout 60 ./finding "$url" after >>seen
cat seen
diff seen - <<'END'
before the restart, lease of 60 s: leased, second client's acquire: LeaseAlreadyPresent
before the restart, lease without an end: leased, second client's acquire: LeaseAlreadyPresent
after the restart, lease of 60 s: expired, second client's acquire: ok
after the restart, lease without an end: leased, second client's acquire: LeaseAlreadyPresent
END
echo "as found: azurite 3.37.0"
