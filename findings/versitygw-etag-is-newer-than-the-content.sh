#!/usr/bin/env bash
# versitygw v1.8.0 (an S3 server on a directory) and the AWS SDK for Go v2.
#
# Guess: the ETag in the answer to a GET is that of the content in the answer, so a put with
#        If-Match replaces only the content that was read.
# Seen:  while an object is being replaced, an answer can have content and ETag of two versions.
#        With metadata in a sidecar directory (--sidecar) the ETag can be the newer one: a put with
#        If-Match of it succeeds, and replaces content that its writer has never read. With
#        metadata in extended attributes, the default, the ETag is never the newer one, and a put
#        with an old ETag is refused.
#
# A fence that is read, compared and written on that condition therefore holds with extended
# attributes alone.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat >go.mod <<'END'
module finding

go 1.26.0

require (
	github.com/aws/aws-sdk-go-v2 v1.45.1
	github.com/aws/aws-sdk-go-v2/credentials v1.20.1
	github.com/aws/aws-sdk-go-v2/service/s3 v1.109.1
	github.com/versity/versitygw v1.8.0
)
END
cat >main.go <<'END'
package main

import (
	"context"
	"crypto/md5"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/versity/versitygw/backend/meta"
	"github.com/versity/versitygw/backend/posix"
	"github.com/versity/versitygw/embedgw"
)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func main() {
	kind, files, sidecar := os.Args[1], os.Args[2], os.Args[3]
	var metadata meta.MetadataStorer = meta.XattrMeta{}
	opts := posix.PosixOpts{NewDirPerm: 0o755}
	if kind == "sidecar" {
		metadata, opts.SideCarDir = must(meta.NewSideCar(sidecar)), sidecar
	}
	l := must(net.Listen("tcp", "127.0.0.1:0"))
	address := l.Addr().String()
	l.Close()
	backend := must(posix.New(files, metadata, opts))
	go embedgw.RunVersityGW(context.Background(), backend, &embedgw.Config{
		RootUserAccess: "access", RootUserSecret: "secret", Ports: []string{address},
		MaxConnections: 100, MaxRequests: 100, MultipartMaxParts: 10_000, Quiet: true,
	})
	for {
		if conn, err := net.Dial("tcp", address); err == nil {
			conn.Close()
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	ctx := context.Background()
	client := s3.New(s3.Options{BaseEndpoint: aws.String("http://" + address), Region: "us-east-1", UsePathStyle: true,
		Credentials: credentials.NewStaticCredentialsProvider("access", "secret", "")})
	bucket, name := aws.String("bucket"), aws.String("object")
	must(client.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: bucket}))
	content := func(version int) string { return fmt.Sprintf("version %d", version) }
	tag := func(version int) string { return fmt.Sprintf("%x", md5.Sum([]byte(content(version)))) }
	put := func(version int) {
		must(client.PutObject(ctx, &s3.PutObjectInput{Bucket: bucket, Key: name, Body: strings.NewReader(content(version))}))
	}
	put(0)
	var last atomic.Int64
	done := make(chan struct{})
	go func() {
		defer close(done)
		for version := 1; version <= 3000; version++ {
			put(version)
			last.Store(int64(version))
		}
	}()
	newer, equal := 0, 0
	for ended := false; !ended; {
		select {
		case <-done:
			ended = true
		default:
		}
		answer := must(client.GetObject(ctx, &s3.GetObjectInput{Bucket: bucket, Key: name}))
		body := string(must(io.ReadAll(answer.Body)))
		answer.Body.Close()
		var version int
		must(fmt.Sscanf(body, "version %d", &version))
		etag := strings.Trim(*answer.ETag, `"`)
		if etag == tag(version) {
			equal++
		}
		for v := version + 1; v <= int(last.Load())+1; v++ {
			if etag == tag(v) {
				newer++
			}
		}
	}
	fmt.Fprintf(os.Stderr, "%s: %d answers agree, %d have the ETag of later content\n", kind, equal, newer)
	fmt.Printf("%s: an ETag of later content: %v\n", kind, newer > 0)
}
END
mkdir a b c d
GOWORK=off GOFLAGS=-mod=mod go build -o finding .
(./finding sidecar "$dir/a" "$dir/b"; ./finding xattr "$dir/c" "$dir/d") | grep "ETag" | tee seen
diff seen - <<'END'
sidecar: an ETag of later content: true
xattr: an ETag of later content: false
END
echo "as found: versitygw v1.8.0"
