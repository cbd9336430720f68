#!/usr/bin/env bash
# github.com/Admiral-Piett/goaws v0.4.5 (SQS), Go 1.26.
#
# Guess: while a message of a group of a FIFO queue is at work, no other of that group is delivered, whatever comes of
#        other groups: that is what one puts the messages of one resource into one group for.
# Seen:  as soon as a message of a second group is received, the next one of the first group is delivered too, beside the
#        first. To lock a group, goaws puts a new map with that group alone in place of the old one.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat >go.mod <<'EOF'
module finding

go 1.26.0

require github.com/Admiral-Piett/goaws v0.4.5
EOF
cat >main.go <<'EOF'
package main

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"

	"github.com/Admiral-Piett/goaws/app/servertest"
	"github.com/sirupsen/logrus"
)

var body = regexp.MustCompile(`<Body>(.*)</Body>`)

func main() {
	logrus.SetOutput(io.Discard)
	server, err := servertest.New("127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	call := func(queue, action string, values ...string) string {
		form := url.Values{"Action": {action}, "QueueUrl": {server.URL() + "/queue/" + queue}, "QueueName": {queue}}
		for i := 0; i < len(values); i += 2 {
			form.Set(values[i], values[i+1])
		}
		answer, err := http.PostForm(server.URL(), form)
		if err != nil {
			panic(err)
		}
		defer answer.Body.Close()
		text, err := io.ReadAll(answer.Body)
		if err != nil || answer.StatusCode != http.StatusOK {
			panic(fmt.Sprintf("%s: %v %s", action, err, text))
		}
		return string(text)
	}
	try := func(queue string, messages ...string) {
		call(queue, "CreateQueue", "Attribute.1.Name", "VisibilityTimeout", "Attribute.1.Value", "600")
		for _, message := range messages {
			call(queue, "SendMessage", "MessageBody", message, "MessageGroupId", message[:1], "MessageDeduplicationId", message)
		}
		var got []string
		for range 4 { // and none is deleted
			if found := body.FindStringSubmatch(call(queue, "ReceiveMessage")); found != nil {
				got = append(got, found[1])
			}
		}
		fmt.Printf("sent: %q, received and all at work: %q\n", messages, got)
	}
	try("one.fifo", "A1", "A2")
	try("two.fifo", "A1", "B1", "A2")
}
EOF
GOWORK=off GOFLAGS=-mod=mod timeout 900 go build -p 2 -o finding . 2>err || { cat err; exit 1; }
timeout 60 ./finding | tee seen
diff seen - <<'EOF'
sent: ["A1" "A2"], received and all at work: ["A1"]
sent: ["A1" "B1" "A2"], received and all at work: ["A1" "B1" "A2"]
EOF
echo "as found: goaws v0.4.5"
