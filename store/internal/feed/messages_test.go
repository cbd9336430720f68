package feed_test

import (
	"testing"

	"github.com/leasehold-go/leasehold/store/internal/feed"
)

// A reader gets the first of the messages that came, and learns that there were others.
func TestAMessageSaysWhetherOthersCameAfterIt(t *testing.T) {
	var m feed.Messages
	r, other := m.Join("name"), m.Join("other")
	m.Send("name", "1")
	if got := <-r.C; got != (feed.Message{Text: "1"}) {
		t.Errorf("the only message is %+v", got)
	}
	m.Send("name", "2")
	m.Send("name", "3")
	m.Missed()
	if got := <-r.C; got != (feed.Message{Text: "2", More: true}) {
		t.Errorf("the first of three messages is %+v", got)
	}
	m.Send("name", "4")
	if got := <-r.C; got != (feed.Message{Text: "4"}) {
		t.Errorf("the message after them is %+v", got)
	}
	if got := <-other.C; got != (feed.Message{}) {
		t.Errorf("the message of another name is %+v, want one that says that messages may have been lost", got)
	}
	m.Leave(r)
	m.Close()
	if _, open := <-other.C; open {
		t.Error("a reader of closed messages is open")
	}
}
