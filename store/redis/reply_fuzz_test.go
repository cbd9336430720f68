package redisstore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/leasehold-go/leasehold/store"
)

// dice turns the bytes of a fuzzer into replies of a server: all types of RESP, the
// right words in wrong places among them. Once the bytes are used up it throws zeros.
type dice []byte

func (d *dice) throw(sides int) int {
	if len(*d) == 0 {
		return 0
	}
	n := int((*d)[0]) % sides
	*d = (*d)[1:]
	return n
}

func (d *dice) text() string {
	n := min(d.throw(32), len(*d))
	s := string((*d)[:n])
	*d = (*d)[n:]
	return s
}

func (d *dice) number() int64 {
	var n int64
	for range d.throw(9) {
		n = n<<8 | int64(d.throw(256))
	}
	return n
}

// line is a text as it may stand in a reply of one line.
func (d *dice) line() string { return strings.NewReplacer("\r", " ", "\n", " ").Replace(d.text()) }

func bulk(s string) string { return fmt.Sprintf("$%d\r\n%s\r\n", len(s), s) }

// sample throws for one of the texts.
func (d *dice) sample(texts ...string) string { return texts[d.throw(len(texts))] }

// reply is one whole reply, nested at most as deep as is said.
func (d *dice) reply(depth int) string {
	kinds := 14
	if depth == 0 {
		kinds = 11
	}
	switch d.throw(kinds) {
	case 0:
		return d.sample("$-1\r\n", "*-1\r\n", "_\r\n")
	case 1, 2:
		return fmt.Sprintf(":%d\r\n", d.number())
	case 3, 4:
		return bulk(d.sample("held", "foreign", "gone", "lost", "stale", "ended"))
	case 5:
		return bulk(d.text())
	case 6:
		return "+" + d.line() + "x\r\n"
	case 7:
		return d.sample("-ERR ", "-NOSCRIPT ", "-OOM user_script:", "-MOVED 1 x:1 ", "-NOPERM ", "-ERR user_script:") + d.line() + "\r\n"
	case 8:
		return d.sample("#t\r\n", "#f\r\n", ",1.5\r\n", ",nan\r\n", ",-inf\r\n")
	case 9:
		return d.sample("(123456789012345678901234567890\r\n", "(7\r\n", "=8\r\ntxt:held\r\n")
	case 10:
		return "!" + bulk("ERR " + d.text())[1:]
	case 11:
		return d.many("%", 2, depth)
	default:
		return d.many(d.sample("*", "*", "*", "~", ">"), 1, depth)
	}
}

// many is an aggregate whose every element is so many replies.
func (d *dice) many(mark string, each, depth int) string {
	n := d.throw(6)
	text := fmt.Sprintf("%s%d\r\n", mark, n)
	for range n * each {
		text += d.reply(depth - 1)
	}
	return text
}

// actor is a connection to a server that answers what the verbs send as it was told,
// in turn and from the start again, and refuses all else.
type actor struct {
	lines []string
	next  int
	said  bytes.Buffer
}

func (a *actor) Write(request []byte) (int, error) {
	calls := 0
	for _, name := range []string{"evalsha", "eval", "zrangebylex", "zadd", "zscore"} {
		calls += bytes.Count(request, []byte("\r\n"+name+"\r\n"))
	}
	for range calls {
		a.said.WriteString(a.lines[a.next%len(a.lines)])
		a.next++
	}
	for range bytes.Count(append([]byte("\r\n"), request...), []byte("\r\n*")) - calls {
		a.said.WriteString("-ERR unknown command\r\n")
	}
	return len(request), nil
}

func (a *actor) Read(p []byte) (int, error) {
	if a.said.Len() == 0 {
		return 0, io.ErrUnexpectedEOF
	}
	return a.said.Read(p)
}

func (*actor) Close() error                     { return nil }
func (*actor) LocalAddr() net.Addr              { return &net.TCPAddr{} }
func (*actor) RemoteAddr() net.Addr             { return &net.TCPAddr{} }
func (*actor) SetDeadline(time.Time) error      { return nil }
func (*actor) SetReadDeadline(time.Time) error  { return nil }
func (*actor) SetWriteDeadline(time.Time) error { return nil }

// storeOn is a store whose server is played by replies.
func storeOn(t *testing.T, replies []string) *Store {
	client := redis.NewClient(&redis.Options{
		Protocol: 2, DisableIdentity: true, MaxRetries: -1, DialerRetries: 1,
		Dialer: func(context.Context, string, string) (net.Conn, error) { return &actor{lines: replies}, nil },
	})
	conn, err := connect(client)
	if err != nil {
		t.Fatal(err)
	}
	s := newStore(conn, newLayout(store.Reserved, 0, false), replicas{})
	t.Cleanup(func() {
		s.Close()
		client.Close()
	})
	return s
}

// wantStated fails unless err, if it is one, is of exactly one of the conditions and
// names the key.
func wantStated(t *testing.T, verb string, err error, conditions ...error) {
	t.Helper()
	if err == nil {
		return
	}
	matches := 0
	for _, condition := range conditions {
		if errors.Is(err, condition) {
			matches++
		}
	}
	if matches != 1 || !strings.Contains(err.Error(), strconv.Quote("key")) {
		t.Errorf("%s: %v", verb, err)
	}
}

// wantRecord fails unless r can be one.
func wantRecord(t *testing.T, verb string, r store.Record) {
	t.Helper()
	if r.Left <= 0 {
		t.Errorf("%s: %v left", verb, r.Left)
	}
	if r.Foreign() && r.Token != 0 || int64(r.Token) < 0 {
		t.Errorf("%s: token %d", verb, r.Token)
	}
}

// wantHolder is wantRecord for the record that an error shows, if it does.
func wantHolder(t *testing.T, verb string, err error) {
	t.Helper()
	if held, ok := errors.AsType[*store.HeldError](err); ok {
		wantRecord(t, verb, held.Record)
	}
	if foreign, ok := errors.AsType[*store.ForeignError](err); ok {
		wantRecord(t, verb, foreign.Record)
	}
}

// Whatever a server answers, each verb has a result that can be one or an error that
// says which verb and key it is about; and nothing panics.
func FuzzReply(f *testing.F) {
	for _, s := range []string{
		"", "\x00\x01\x01\x07", "\x00\x01\x08\xff\xff\xff\xff\xff\xff\xff\xff",
		"\x00\x0d\x00\x04\x03\x00\x01\x01\x07\x01\x02\x03\xe8\x05\x01v", // held
		"\x00\x0d\x00\x04\x03\x00\x01\x01\x07\x01\x00\x05\x01v",         // with no time left
		"\x00\x0d\x00\x04\x03\x01\x01\x08\x7f\xff\xff\xff\xff\xff\xff\xff\x01\x01\x01\x05\x01v",
		"\x00\x0d\x00\x01\x03\x02", "\x00\x0d\x00\x01\x03\x03", "\x00\x0d\x00\x01\x03\x04", "\x00\x0d\x00\x01\x03\x05",
		"\x00\x0d\x00\x01\x0c\x00\x01\x03\x02", "\x0b\x02\x06\x01a\x01\x00", "\x07\x01", "\x07\x02", "\x0a\x01x", "\x09\x00",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, thrown []byte) {
		d := dice(thrown)
		var replies []string
		for range 1 + d.throw(4) {
			replies = append(replies, d.reply(3))
		}
		s := storeOn(t, replies)
		readAll(t, s)
		writeAll(t, s)
	})
}

func readAll(t *testing.T, s *Store) {
	r, err := s.Get(context.Background(), "key")
	if err == nil {
		wantRecord(t, "get", r)
	}
	wantStated(t, "get", err, store.ErrUnavailable, store.ErrNotFound)
	for r, err := range s.List(context.Background(), "key") {
		if err == nil {
			wantRecord(t, "list", r)
		}
		wantStated(t, "list", err, store.ErrUnavailable)
	}
	live, err := source{s}.Read(context.Background(), []string{"key"})
	for _, r := range live {
		wantRecord(t, "watch", r)
	}
	if err != nil && !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("watch: %v", err)
	}
}

func writeAll(t *testing.T, s *Store) {
	refusals := []error{
		store.ErrHeld, store.ErrForeign, store.ErrLost, store.ErrStale, store.ErrEnded, store.ErrUnavailable, store.ErrInDoubt,
	}
	w := store.Renewal{Key: "key", Token: 7, Seq: 1, Value: []byte("v")}
	for verb, err := range map[string]error{
		"update":          s.Update(context.Background(), store.Update(w)),
		"delete by token": s.Delete(context.Background(), w.Key, store.ByToken(w.Token)),
		"delete by nonce": s.Delete(context.Background(), w.Key, store.ByNonce(store.Nonce{1})),
	} {
		wantHolder(t, verb, err)
		wantStated(t, verb, err, refusals...)
	}
	claim := store.Claim{Key: "key", Value: []byte("v"), TTL: time.Minute, Nonce: store.Nonce{1}}
	grant, err := s.Create(context.Background(), claim)
	wantHolder(t, "create", err)
	wantStated(t, "create", err, refusals...)
	if err == nil && int64(grant.Token) <= 0 {
		t.Errorf("create: token %d", grant.Token)
	}
	began := time.Now()
	for _, answer := range s.Renew(context.Background(), []store.Renewal{w, w}) {
		wantHolder(t, "renew", answer.Err)
		wantStated(t, "renew", answer.Err, refusals...)
		if answer.Err == nil && !answer.Until.After(began) {
			t.Errorf("renew: until %v", answer.Until)
		}
	}
}
