package network_test

import (
	"testing"

	"github.com/leasehold-go/leasehold/e2e/network"
)

const (
	preface      = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
	data         = 0
	headers      = 1
	windowUpdate = 8
)

// frameOf is an HTTP/2 frame.
func frameOf(kind, stream byte, payload string) string {
	return string([]byte{0, 0, byte(len(payload)), kind, 0, 0, 0, 0, stream}) + payload
}

// message is a payload that gRPC begins with its length.
func message(text string) string { return string([]byte{0, 0, 0, 0, byte(len(text))}) + text }

func TestGRPCRequestIsTheMessageThatHasTheBytes(t *testing.T) {
	chunk := preface + frameOf(headers, 3, "name") + frameOf(data, 3, message("other")) + frameOf(data, 5, message("my name"))
	request, _ := network.GRPC([]byte(chunk), []byte("name"))
	if string(request) != "my name" {
		t.Errorf("the request is %q", request)
	}
}

func TestGRPCReplyIsThatOfTheRequestsStream(t *testing.T) {
	chunk := frameOf(headers, 3, "") + frameOf(data, 3, message("other")) + frameOf(data, 5, message("name"))
	_, replies := network.GRPC([]byte(chunk), []byte("name"))
	for name, c := range map[string]struct {
		chunk string
		want  bool
	}{
		"headers":            {frameOf(headers, 5, "") + frameOf(data, 5, message("reply")), true},
		"after other frames": {frameOf(windowUpdate, 5, "1234") + frameOf(headers, 3, "") + frameOf(headers, 5, ""), true},
		"window update":      {frameOf(windowUpdate, 5, "1234"), false}, // it came, and is not carried out yet
		"another's":          {frameOf(headers, 3, "") + frameOf(data, 3, message("reply")), false},
		"half a frame":       {frameOf(headers, 5, "12")[:10], false},
		"nothing":            {"", false},
	} {
		if got := replies([]byte(c.chunk)); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}
