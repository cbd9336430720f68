#!/usr/bin/env bash
# github.com/sivchari/kumo v0.33.1 (SQS), Go 1.26.
#
# Guess: three messages of a group of a FIFO queue that a worker received together and did not delete come again in their
#        order.
# Seen:  they come in any order, most often the last one first. The messages in hand are in a map, and each one whose
#        timeout has ended is put before those that wait, so the order is that of the map turned round.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat >go.mod <<'EOF'
module finding

go 1.26.0

require github.com/sivchari/kumo v0.33.1
EOF
cat >main.go <<'EOF'
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/sivchari/kumo"
)

type values map[string]any

type answer struct {
	QueueUrl string
	Messages []struct{ Body, ReceiptHandle string }
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

var server = kumo.NewServer()

func call(action string, request values) (result answer) {
	post := must(http.NewRequest("POST", server.URL, bytes.NewReader(must(json.Marshal(request)))))
	post.Header.Set("X-Amz-Target", "AmazonSQS."+action)
	post.Header.Set("Content-Type", "application/x-amz-json-1.0")
	response := must(http.DefaultClient.Do(post))
	defer response.Body.Close()
	text := must(io.ReadAll(response.Body))
	if response.StatusCode != http.StatusOK {
		panic(action + ": " + string(text))
	}
	if len(text) > 0 {
		if err := json.Unmarshal(text, &result); err != nil {
			panic(err)
		}
	}
	return result
}

func create(name, timeout string) string {
	return call("CreateQueue", values{"QueueName": name + ".fifo",
		"Attributes": values{"FifoQueue": "true", "VisibilityTimeout": timeout}}).QueueUrl
}

func send(queue, message string) {
	call("SendMessage", values{"QueueUrl": queue, "MessageBody": message, "MessageGroupId": message[:1], "MessageDeduplicationId": message})
}

func receive(queue string, most, wait int) []struct{ Body, ReceiptHandle string } {
	return call("ReceiveMessage", values{"QueueUrl": queue, "MaxNumberOfMessages": most, "WaitTimeSeconds": wait}).Messages
}

func main() {
	disorder := 0
	for i := range 12 {
		queue := create(fmt.Sprint("queue-", i), "1")
		for _, message := range []string{"A1", "A2", "A3"} {
			send(queue, message)
		}
		if first := receive(queue, 3, 0); len(first) != 3 || first[0].Body != "A1" || first[2].Body != "A3" {
			panic(fmt.Sprint(first))
		}
		time.Sleep(2 * time.Second)
		again := receive(queue, 3, 0)
		if len(again) != 3 {
			panic(fmt.Sprint(again))
		}
		if again[0].Body != "A1" || again[1].Body != "A2" {
			disorder++
		}
	}
	fmt.Printf("received once: in order; received again: in order each time: %t\n", disorder == 0)
}
EOF
GOWORK=off GOFLAGS=-mod=mod timeout 900 go build -p 2 -o finding . 2>err || { cat err; exit 1; }
timeout 88 ./finding | tee seen
diff seen - <<'EOF'
received once: in order; received again: in order each time: false
EOF
echo "as found: kumo v0.33.1"
