package feed

import "sync"

// Messages brings messages to waiting readers. A message may be lost: a reader looks at
// the store too. The zero value is ready for use, and no method blocks.
type Messages struct {
	mu      sync.Mutex
	readers map[string]map[*Reader]struct{} // by the name that they listen to
	closed  bool
}

// Reader listens to the messages to one name.
type Reader struct {
	// C has the first message since the last one was taken. It is closed with the Messages.
	C    chan Message
	name string
}

// Message is a message as a reader gets it.
type Message struct {
	Text string // empty if messages may have been lost
	More bool   // whether others came after it, which the reader does not get
}

// Join begins to listen to a name.
func (m *Messages) Join(name string) *Reader {
	r := &Reader{C: make(chan Message, 1), name: name}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		close(r.C)
		return r
	}
	if m.readers == nil {
		m.readers = make(map[string]map[*Reader]struct{})
	}
	if m.readers[name] == nil {
		m.readers[name] = make(map[*Reader]struct{})
	}
	m.readers[name][r] = struct{}{}
	return r
}

// Leave removes a reader that Join returned.
func (m *Messages) Leave(r *Reader) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if delete(m.readers[r.name], r); len(m.readers[r.name]) == 0 {
		delete(m.readers, r.name)
	}
}

// Send brings a message to the readers of a name.
func (m *Messages) Send(name, message string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for r := range m.readers[name] {
		r.put(message)
	}
}

// Missed tells every reader that messages may have been lost.
func (m *Messages) Missed() {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, all := range m.readers {
		for r := range all {
			r.put("")
		}
	}
}

// put is called by one goroutine at a time.
func (r *Reader) put(text string) {
	message := Message{Text: text}
	select {
	case first := <-r.C:
		message = Message{first.Text, true}
	default:
	}
	r.C <- message
}

// Close ends every reader, present or future.
func (m *Messages) Close() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.closed = true
	for _, all := range m.readers {
		for r := range all {
			close(r.C)
		}
	}
	m.readers = nil
}
