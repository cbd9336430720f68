package fencing_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"

	"github.com/leasehold-go/leasehold/internal/child"
	"github.com/leasehold-go/leasehold/internal/full"
	"github.com/leasehold-go/leasehold/lease"
	"github.com/leasehold-go/leasehold/store"
)

// object is the content of an object. The token is part of it, because the ETag that the conditions
// compare is one of the content, and not of the metadata.
type object struct {
	Token store.Token `json:"token"`
	Body  string      `json:"body"`
}

// put replaces an object, unless a later holder has written it.
func put(ctx context.Context, client *s3.Client, bucket, name string, o object) error {
	content, err := json.Marshal(o)
	if err != nil {
		return err
	}
	for {
		input := &s3.PutObjectInput{Bucket: &bucket, Key: &name, Body: bytes.NewReader(content)}
		seen, etag, err := get(ctx, client, bucket, name)
		switch missing := new(types.NoSuchKey); {
		case errors.As(err, &missing):
			input.IfNoneMatch = aws.String("*")
		case err != nil:
			return err
		case seen.Token > o.Token:
			return errStale
		default:
			input.IfMatch = etag
		}
		_, err = client.PutObject(ctx, input)
		if refused := smithy.APIError(nil); errors.As(err, &refused) &&
			(refused.ErrorCode() == "PreconditionFailed" || refused.ErrorCode() == "ConditionalRequestConflict") {
			continue // another write came between, maybe of a later holder: look again
		}
		return err
	}
}

// get reads an object.
func get(ctx context.Context, client *s3.Client, bucket, name string) (o object, etag *string, err error) {
	output, err := client.GetObject(ctx, &s3.GetObjectInput{Bucket: &bucket, Key: &name})
	if err != nil {
		return o, nil, err
	}
	defer output.Body.Close()
	err = json.NewDecoder(output.Body).Decode(&o)
	return o, output.ETag, err
}

// bucket is a resource: an object of an S3 server.
type bucket struct {
	*s3.Client
	name string
}

func (r bucket) write(ctx context.Context, l lease.Lease, body string) error {
	return put(ctx, r.Client, r.name, l.Key(), object{l.Token(), body})
}

func (r bucket) unfenced(ctx context.Context, l lease.Lease, body string) error {
	content, err := json.Marshal(object{l.Token(), body})
	if err != nil {
		return err
	}
	_, err = r.PutObject(ctx, &s3.PutObjectInput{Bucket: &r.name, Key: aws.String(l.Key()), Body: bytes.NewReader(content)})
	return err
}

func (r bucket) last(ctx context.Context, key string) (store.Token, string, error) {
	o, _, err := get(ctx, r.Client, r.name, key)
	return o.Token, o.Body, err
}

func TestObject(t *testing.T) {
	full.Only(t) // it builds a server
	client := startS3(t)
	name := "fenced"
	if _, err := client.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: &name}); err != nil {
		t.Fatal(err)
	}
	conform(t, bucket{client, name})

	// The server has to keep its side, or the fence proves nothing.
	t.Run("of puts with one condition, one succeeds", func(t *testing.T) {
		for i, condition := range []func(*s3.PutObjectInput, *string){
			func(input *s3.PutObjectInput, _ *string) { input.IfNoneMatch = aws.String("*") },
			func(input *s3.PutObjectInput, etag *string) { input.IfMatch = etag },
		} {
			var etag *string
			if i == 1 {
				var err error
				if _, etag, err = get(t.Context(), client, name, "contended"); err != nil {
					t.Fatal(err)
				}
			}
			var all sync.WaitGroup
			var succeeded atomic.Int32
			for n := range 8 {
				all.Go(func() {
					input := &s3.PutObjectInput{Bucket: &name, Key: aws.String("contended"), Body: strings.NewReader(fmt.Sprintf(`{"token":%d}`, 10*i+n))}
					condition(input, etag)
					if _, err := client.PutObject(t.Context(), input); err == nil {
						succeeded.Add(1)
					}
				})
			}
			all.Wait()
			if n := succeeded.Load(); n != 1 {
				t.Errorf("condition %d: %d puts succeeded", i, n)
			}
		}
	})

	// So the token has to be in the content.
	t.Run("the ETag is of the content alone", func(t *testing.T) {
		tagged := func(token string, etag *string) error {
			_, err := client.PutObject(t.Context(), &s3.PutObjectInput{Bucket: &name, Key: aws.String("tagged"), IfMatch: etag,
				Body: strings.NewReader("the same"), Metadata: map[string]string{"token": token}})
			return err
		}
		if err := tagged("1", nil); err != nil {
			t.Fatal(err)
		}
		seen, err := client.HeadObject(t.Context(), &s3.HeadObjectInput{Bucket: &name, Key: aws.String("tagged")})
		if err != nil {
			t.Fatal(err)
		}
		if err := tagged("2", nil); err != nil { // a later holder, between the look of an earlier one and its write
			t.Fatal(err)
		}
		if err := tagged("1", seen.ETag); err != nil {
			t.Errorf("the page says that this succeeds: %v", err)
		}
	})
}

// startS3 builds and starts an S3 server, which is stopped when the test ends.
func startS3(t *testing.T) *s3.Client {
	dir := t.TempDir()
	program := filepath.Join(dir, "versitygw")
	build := exec.Command("go", "build", "-o", program, ".")
	build.Dir, build.Env = "versitygw", append(os.Environ(), "GOWORK=off")
	if output, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build of versitygw: %v: %s", err, output)
	}
	files := filepath.Join(dir, "files")
	if err := os.Mkdir(files, 0o755); err != nil {
		t.Fatal(err)
	}
	var address string
	err := child.OnFreePorts(1, func(ports []string) error {
		address = net.JoinHostPort("127.0.0.1", ports[0])
		server, err := child.Start(filepath.Join(dir, "log"), program, address, files)
		if err != nil {
			return err
		}
		t.Cleanup(server.Kill)
		return server.Await(patience, func([]byte) bool {
			conn, err := net.Dial("tcp", address)
			if err != nil {
				return false
			}
			conn.Close()
			return true
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	transport := new(http.Transport)
	t.Cleanup(transport.CloseIdleConnections)
	return s3.New(s3.Options{
		BaseEndpoint: aws.String("http://" + address), Region: "us-east-1", UsePathStyle: true,
		Credentials: credentials.NewStaticCredentialsProvider("access", "secret", ""),
		HTTPClient:  &http.Client{Transport: transport},
	})
}
