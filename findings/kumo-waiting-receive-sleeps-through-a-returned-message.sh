#!/usr/bin/env bash
# github.com/sivchari/kumo v0.33.1 (SQS), Go 1.26.
#
# Guess: a worker that waits in ReceiveMessage (WaitTimeSeconds) gets a message as soon as there is one for it, also when
#        the visibility timeout of another worker's message ends, when that one gives its message back with a timeout of
#        0, and when its deletion frees the message group.
# Seen:  it gets that message after its next call: the call that waits comes back empty at the end of its time. Only a
#        message that is sent wakes those who wait; messages whose timeout has ended are put back by a call that begins.
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
	for i, event := range []string{"a message is sent", "the timeout ends", "the message is given back", "the message before is deleted"} {
		timeout := "600"
		if event == "the timeout ends" {
			timeout = "2"
		}
		queue := create(fmt.Sprint("queue-", i), timeout)
		send(queue, "A1")
		if event == "the message before is deleted" {
			send(queue, "A2")
		}
		handle := receive(queue, 1, 0)[0].ReceiptHandle
		waited := make(chan int)
		go func() { waited <- len(receive(queue, 1, 10)) }()
		time.Sleep(time.Second)
		switch event {
		case "a message is sent":
			send(queue, "B1")
		case "the message is given back":
			call("ChangeMessageVisibility", values{"QueueUrl": queue, "ReceiptHandle": handle, "VisibilityTimeout": 0})
		case "the message before is deleted":
			call("DeleteMessage", values{"QueueUrl": queue, "ReceiptHandle": handle})
		}
		fmt.Printf("%s: who waits for 10 s gets %d", event, <-waited)
		fmt.Printf(", the next call gets %d at once\n", len(receive(queue, 1, 0)))
	}
}
EOF
GOWORK=off GOFLAGS=-mod=mod timeout 900 go build -p 2 -o finding . 2>err || { cat err; exit 1; }
timeout 88 ./finding | tee seen
diff seen - <<'EOF'
a message is sent: who waits for 10 s gets 1, the next call gets 0 at once
the timeout ends: who waits for 10 s gets 0, the next call gets 1 at once
the message is given back: who waits for 10 s gets 0, the next call gets 1 at once
the message before is deleted: who waits for 10 s gets 0, the next call gets 1 at once
EOF
echo "as found: kumo v0.33.1"
