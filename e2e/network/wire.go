package network

import (
	"bytes"
	"encoding/binary"
)

// Wire is the part of a protocol that a proxy knows. Within a chunk to the server it finds
// the request that contains some bytes, and returns it with a function that recognises the
// chunk at the start of its reply.
type Wire func(chunk, containing []byte) (request []byte, replies func(chunk []byte) bool)

// Lines is the wire of clients that write a request in one piece and wait for its reply
// before they send another over the same connection, as Redis clients do.
func Lines(chunk, _ []byte) ([]byte, func([]byte) bool) {
	return chunk, func([]byte) bool { return true }
}

// GRPC is the wire of gRPC without encryption: HTTP/2, with any number of requests
// under way on a connection. The request is the message alone: the frames around it make
// sense on its own connection only. It is meant for messages that fit into a frame, and for
// peers that write whole frames, so few at a time that one read returns a whole frame.
func GRPC(chunk, containing []byte) ([]byte, func([]byte) bool) {
	for f := range frames(chunk) {
		if f.kind == kindData && bytes.Contains(f.payload, containing) {
			return f.payload[min(prefix, len(f.payload)):], f.begins
		}
	}
	return chunk, func([]byte) bool { return false }
}

const (
	header = 9 // bytes before the payload of a frame
	prefix = 5 // before a message: whether it is compressed, and its length

	kindData    = 0
	kindHeaders = 1
)

// frame is one of HTTP/2, see RFC 9113, section 4.1.
type frame struct {
	kind    byte
	stream  uint32
	payload []byte
}

// frames yields the whole frames at the start of a chunk.
func frames(chunk []byte) func(yield func(frame) bool) {
	chunk = bytes.TrimPrefix(chunk, []byte("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")) // section 3.4
	return func(yield func(frame) bool) {
		for len(chunk) >= header {
			end := header + int(binary.BigEndian.Uint32(chunk)>>8)
			if end > len(chunk) {
				return
			}
			f := frame{chunk[3], binary.BigEndian.Uint32(chunk[5:]) & (1<<31 - 1), chunk[header:end]}
			if !yield(f) {
				return
			}
			chunk = chunk[end:]
		}
	}
}

// begins reports whether a chunk has the headers of the server's answer on the frame's
// stream: the server has then carried out the request.
func (f frame) begins(chunk []byte) bool {
	for other := range frames(chunk) {
		if other.kind == kindHeaders && other.stream == f.stream {
			return true
		}
	}
	return false
}
