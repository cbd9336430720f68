#!/usr/bin/env bash
# github.com/fsouza/fake-gcs-server v1.56.1 with cloud.google.com/go/storage v1.70.0, Go 1.26.
#
# Guess: a test of a lock in Cloud Storage against fake-gcs-server finds a holder that releases or renews what it has
#        lost: a generation that is not the object's is refused with 412, as it is for a write.
# Seen:  only for a write. Delete with the generation of a former holder deletes the next one's lock, an update of the
#        metadata, as for a heartbeat, goes to whatever object is there, and a copy "if it does not exist" replaces it.
#        ifGenerationMatch is read in the handlers of uploads alone; a metageneration is compared nowhere, and stays 1.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat >go.mod <<'END'
module finding

go 1.26.0

require (
	cloud.google.com/go/storage v1.70.0
	github.com/fsouza/fake-gcs-server v1.56.1
)
END
cat >main.go <<'END'
package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"cloud.google.com/go/storage"
	"github.com/fsouza/fake-gcs-server/fakestorage"
	"google.golang.org/api/googleapi"
)

func say(what string, err error) {
	var refused *googleapi.Error
	if errors.As(err, &refused) {
		err = fmt.Errorf("refused with %d", refused.Code)
	}
	fmt.Printf("%s: %v\n", what, err)
}

func main() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	server, err := fakestorage.NewServerWithOptions(fakestorage.Options{Scheme: "http", Host: "127.0.0.1"})
	if err != nil {
		panic(err)
	}
	defer server.Stop()
	server.CreateBucketWithOpts(fakestorage.CreateBucketOpts{Name: "jobs"})
	bucket := server.Client().Bucket("jobs")
	lock := bucket.Object("lock")
	put := func(object *storage.ObjectHandle, holder string) (int64, error) {
		w := object.NewWriter(ctx)
		if _, err := w.Write([]byte(holder)); err != nil {
			panic(err)
		}
		if err := w.Close(); err != nil {
			return 0, err
		}
		return w.Attrs().Generation, nil
	}
	first, err := put(lock.If(storage.Conditions{DoesNotExist: true}), "first")
	say("first holder's write if there is none", err)
	say("its delete of its own generation", lock.If(storage.Conditions{GenerationMatch: first}).Delete(ctx))
	_, err = put(lock.If(storage.Conditions{DoesNotExist: true}), "second")
	say("second holder's write if there is none", err)

	_, err = put(lock.If(storage.Conditions{GenerationMatch: first}), "first")
	say("write, former generation", err)
	_, err = put(bucket.Object("other"), "third")
	say("write of another object", err)
	heartbeat := storage.ObjectAttrsToUpdate{Metadata: map[string]string{"holder": "first"}}
	_, err = lock.If(storage.Conditions{GenerationMatch: first}).Update(ctx, heartbeat)
	say("update, former generation", err)
	_, err = lock.If(storage.Conditions{MetagenerationMatch: 77}).Update(ctx, heartbeat)
	say("update, metageneration 77", err)
	attrs, err := lock.Attrs(ctx)
	if err != nil {
		panic(err)
	}
	fmt.Println("metageneration after the updates:", attrs.Metageneration)
	_, err = lock.If(storage.Conditions{DoesNotExist: true}).CopierFrom(bucket.Object("other")).Run(ctx)
	say("copy if there is none", err)
	say("delete, former generation", lock.If(storage.Conditions{GenerationMatch: first}).Delete(ctx))
	_, err = lock.Attrs(ctx)
	fmt.Println("the lock is gone:", errors.Is(err, storage.ErrObjectNotExist))
}
END
GOWORK=off GOFLAGS=-mod=mod timeout 600 go build -o finding . 2>err || cat err
timeout 90 ./finding 2>/dev/null | tee seen
diff seen - <<'END'
first holder's write if there is none: <nil>
its delete of its own generation: <nil>
second holder's write if there is none: <nil>
write, former generation: refused with 412
write of another object: <nil>
update, former generation: <nil>
update, metageneration 77: <nil>
metageneration after the updates: 1
copy if there is none: <nil>
delete, former generation: <nil>
the lock is gone: true
END
echo "as found: fake-gcs-server v1.56.1"
