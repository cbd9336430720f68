#!/usr/bin/env bash
# github.com/Admiral-Piett/goaws v0.4.5 (SQS), Go 1.26.
#
# Guess: in a group of a FIFO queue, the next message can be received once the one before is deleted, and not earlier; one
#        that is given back with a visibility timeout of 0 can be received again at once.
# Seen:  both stay away for the queue's whole visibility timeout if anybody asks for a message meanwhile, and when that has
#        passed, the next message is delivered beside the first, which is at work with an extended timeout. A message that
#        waits behind another of its group gets a receipt and a timeout before goaws looks whether the group is locked.
#        The end of that timeout unlocks the group, and giving a message back does not.
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
	"time"

	"github.com/Admiral-Piett/goaws/app/gosqs"
	"github.com/Admiral-Piett/goaws/app/servertest"
	"github.com/sirupsen/logrus"
)

var (
	body   = regexp.MustCompile(`<Body>(.*)</Body>`)
	handle = regexp.MustCompile(`<ReceiptHandle>(.*)</ReceiptHandle>`)
)

func main() {
	logrus.SetOutput(io.Discard)
	server, err := servertest.New("127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	go gosqs.PeriodicTasks(time.Second, nil) // as the command does
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
	send := func(queue, timeout string) {
		call(queue, "CreateQueue", "Attribute.1.Name", "VisibilityTimeout", "Attribute.1.Value", timeout)
		for _, message := range []string{"A1", "A2"} {
			call(queue, "SendMessage", "MessageBody", message, "MessageGroupId", "A", "MessageDeduplicationId", message)
		}
	}
	receive := func(queue string) (message, receipt string) {
		text := call(queue, "ReceiveMessage")
		if body.MatchString(text) {
			message, receipt = body.FindStringSubmatch(text)[1], handle.FindStringSubmatch(text)[1]
		}
		return message, receipt
	}

	send("delete.fifo", "600")
	message, receipt := receive("delete.fifo")
	fmt.Printf("received: %q", message)
	message, _ = receive("delete.fifo")
	fmt.Printf(", and then: %q", message)
	call("delete.fifo", "DeleteMessage", "ReceiptHandle", receipt)
	message, _ = receive("delete.fifo")
	fmt.Printf(", when the first is deleted: %q\n", message)

	send("back.fifo", "600")
	message, receipt = receive("back.fifo")
	fmt.Printf("received: %q", message)
	call("back.fifo", "ChangeMessageVisibility", "ReceiptHandle", receipt, "VisibilityTimeout", "0")
	message, _ = receive("back.fifo")
	fmt.Printf(", when it is given back: %q\n", message)

	send("extend.fifo", "5")
	message, receipt = receive("extend.fifo")
	call("extend.fifo", "ChangeMessageVisibility", "ReceiptHandle", receipt, "VisibilityTimeout", "600")
	fmt.Printf("received and extended to 600 s: %q", message)
	message, _ = receive("extend.fifo")
	fmt.Printf(", and then: %q", message)
	time.Sleep(9 * time.Second)
	message, _ = receive("extend.fifo")
	fmt.Printf(", after the queue's 5 s: %q\n", message)
}
EOF
GOWORK=off GOFLAGS=-mod=mod timeout 900 go build -p 2 -o finding . 2>err || { cat err; exit 1; }
timeout 60 ./finding | tee seen
diff seen - <<'EOF'
received: "A1", and then: "", when the first is deleted: ""
received: "A1", when it is given back: ""
received and extended to 600 s: "A1", and then: "", after the queue's 5 s: "A2"
EOF
echo "as found: goaws v0.4.5"
