#!/usr/bin/env bash
# github.com/johannesboyne/gofakes3 v1.2.0, Go 1.26.
#
# Guess: a test of a lock in S3 against gofakes3 finds a holder that releases what it has lost: If-None-Match and
#        If-Match are refused with 412 where the object is another, as they are for a PUT and as S3 does.
# Seen:  only for a PUT. A DELETE with the ETag of a former holder deletes the lock of the next one with 204, and an
#        If-None-Match that finds an object is passed over for a multipart upload and a copy. The headers are read in
#        the handler of the plain PUT alone. The ETag that ends a multipart upload fits no later If-Match either.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat >go.mod <<'END'
module finding

go 1.26.0

require github.com/johannesboyne/gofakes3 v1.2.0
END
cat >main.go <<'END'
package main

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"
)

func main() {
	server := httptest.NewServer(gofakes3.New(s3mem.New()).Server())
	defer server.Close()
	do := func(method, path, body string, headers ...string) (int, string, string) {
		request, err := http.NewRequest(method, server.URL+path, strings.NewReader(body))
		if err != nil {
			panic(err)
		}
		for i := 0; i < len(headers); i += 2 {
			request.Header.Set(headers[i], headers[i+1])
		}
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			panic(err)
		}
		defer response.Body.Close()
		content, err := io.ReadAll(response.Body)
		if err != nil {
			panic(err)
		}
		return response.StatusCode, response.Header.Get("ETag"), string(content)
	}
	say := func(what string, status int, _, _ string) { fmt.Printf("%s: %d\n", what, status) }
	within := func(s, tag string) string {
		_, s, _ = strings.Cut(s, "<"+tag+">")
		s, _, _ = strings.Cut(s, "</"+tag+">")
		return strings.ReplaceAll(s, "&#34;", `"`)
	}
	do("PUT", "/jobs", "")
	_, first, _ := do("PUT", "/jobs/lock", "first", "If-None-Match", "*")
	do("PUT", "/jobs/lock", "second")
	do("PUT", "/jobs/other", "third")
	status, tag, body := do("PUT", "/jobs/lock", "third", "If-None-Match", "*")
	say("put, If-None-Match of an object that is there", status, tag, body)
	status, tag, body = do("PUT", "/jobs/lock", "first", "If-Match", first)
	say("put, If-Match of the former holder", status, tag, body)
	status, tag, body = do("DELETE", "/jobs/lock", "", "If-Match", first)
	say("delete, If-Match of the former holder", status, tag, body)
	status, tag, body = do("HEAD", "/jobs/lock", "")
	say("the second holder's lock", status, tag, body)

	do("PUT", "/jobs/lock", "second")
	status, tag, body = do("PUT", "/jobs/lock", "", "X-Amz-Copy-Source", "/jobs/other", "If-None-Match", "*")
	say("copy, If-None-Match of an object that is there", status, tag, body)
	do("PUT", "/jobs/lock", "second")
	_, _, body = do("POST", "/jobs/lock?uploads", "")
	id := within(body, "UploadId")
	_, part, _ := do("PUT", "/jobs/lock?partNumber=1&uploadId="+id, "fourth")
	status, _, body = do("POST", "/jobs/lock?uploadId="+id, "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>"+
		part+"</ETag></Part></CompleteMultipartUpload>", "If-None-Match", "*")
	say("end of a multipart upload, If-None-Match of an object that is there", status, "", "")
	status, tag, body = do("PUT", "/jobs/lock", "fifth", "If-Match", within(body, "ETag"))
	say("put, If-Match of the ETag of that upload", status, tag, body)
}
END
GOWORK=off GOFLAGS=-mod=mod timeout 300 go build -o finding . 2>err || cat err
timeout 60 ./finding 2>/dev/null | tee seen
diff seen - <<'END'
put, If-None-Match of an object that is there: 412
put, If-Match of the former holder: 412
delete, If-Match of the former holder: 204
the second holder's lock: 404
copy, If-None-Match of an object that is there: 200
end of a multipart upload, If-None-Match of an object that is there: 200
put, If-Match of the ETag of that upload: 412
END
echo "as found: gofakes3 v1.2.0"
