// Package webhook sends notices of instances to an HTTP server.
//
//	sender, err := webhook.New(webhook.Config{URL: "https://ops.example/hook", Secrets: []string{secret}})
//	cfg := registry.Config[State, Payload]{Observers: []registry.Observer{sender}, …}
//	…
//	err = sender.Close(ctx)
//
// A notice is a POST with a JSON object, in the form of Standard Webhooks
// (https://www.standardwebhooks.com), so that their libraries can check it:
//
//	{"type": "leasehold.transition", "timestamp": "2026-01-02T15:04:05.123Z", "data": {
//	  "key": "exchange:1:status", "instance": "connector-7", "token": 12,
//	  "from": "warming", "to": "active", "event": "ready", "cause": "feed is up", "number": 3,
//	  "request": {"id": …, "sender": …, "what": …, "outcome": …, "error": …, "took": …},
//	  "error": "…", "duration": 0.25, "count": 1, "dropped": 2}}
//
// The type has the kind of the notice; fields that it does not have are absent. The duration is in
// seconds. dropped is how many notices were dropped since the last one that arrived. The header
// webhook-id is the same for each try of a notice, webhook-timestamp is the time of the try in seconds
// since 1970, and webhook-signature has an HMAC-SHA256 for each secret.
//
// # Guaranteed
//
//   - Observe never waits: notices are sent by a goroutine of the sender, one at a time, in their order.
//   - A try that the server does not answer in time, or answers with 408, 429 or 5xx, is repeated
//     with longer and longer pauses, as Retry-After says if there is one, until the notice is too old.
//     Any other answer but 2xx drops the notice. Redirects are not followed.
//   - [Config.Interval] lies between two requests.
//   - The queue is bounded. If it is full, the oldest notice in it is dropped.
//
// # Not guaranteed
//
//   - A notice may arrive twice, if the answer was lost. Its id tells.
//   - A process that dies takes its queue with it. The activity log is the record that lasts.
package webhook

import (
	"bytes"
	"cmp"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	mathrand "math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/leasehold-go/leasehold/registry"
	"github.com/leasehold-go/leasehold/store"
)

// Config configures a sender. Only URL is required.
type Config struct {
	// URL is that of the server, http or https. It is not part of any error.
	URL string
	// Secrets sign each request: "whsec_" and the base64 of 24 to 64 bytes. Set several while
	// receivers change from one to the next. Requests are not signed if there is none.
	Secrets []string
	// Header has more headers of each request, such as Authorization.
	Header http.Header
	// Kinds are the kinds of notices to send; transitions, errors, losses and restarts if empty.
	Kinds []registry.NoticeKind
	// Queue is how many notices may wait; 1,000 if zero.
	Queue int
	// Interval is the least time between two requests; 100 ms if zero.
	Interval time.Duration
	// Timeout limits one try; 10 s if zero.
	Timeout time.Duration
	// MaxAge is how old a notice may be when it is tried again; an hour if zero.
	MaxAge time.Duration
	// Client makes the requests; one of its own if nil. Its CheckRedirect is not used.
	Client *http.Client
	// Dropped, if set, is called with each notice that was dropped and the reason, on the goroutine
	// of the sender, or by Close: nothing is sent until it returns. If more are dropped at a time than
	// fit into the queue, it is called for so many. A panic is logged. Without it, the first of
	// several drops in a row is logged by [slog.Default].
	Dropped func(n registry.Notice, err error)
}

// The reasons of a drop that no server gives.
var (
	ErrFull   = errors.New("webhook: the queue is full")
	ErrClosed = errors.New("webhook: the sender was closed")
)

// StatusError is an answer that is no success.
type StatusError struct {
	Code int    // of HTTP
	Text string // the beginning of the body, at most 200 bytes
}

func (e *StatusError) Error() string {
	return strings.TrimSuffix(fmt.Sprintf("webhook: the server answered %d %s: %q", e.Code, http.StatusText(e.Code), e.Text), `: ""`)
}

// Stats counts notices.
type Stats struct {
	Sent    int64
	Dropped int64
	Retried int64 // tries but the first
	Waiting int   // with the one that is being sent
}

// Sender sends notices. It comes from [New], and [Sender.Close] ends it. Its methods may be called
// from any number of goroutines.
type Sender struct {
	cfg     Config
	secrets [][]byte
	client  http.Client

	life   context.Context // of the requests
	cancel context.CancelFunc
	wake   chan struct{} // one element when there is something new
	ended  chan struct{} // closed when the goroutine has ended

	mu      sync.Mutex
	queue   []registry.Notice // the first is being sent
	dropped []drop            // to tell of
	missed  int64             // drops that no notice that arrived has told of
	told    int64             // of them, in the try under way
	closing bool
	stats   Stats
}

type drop struct {
	notice registry.Notice
	err    error
}

// Between two tries.
const (
	shortestPause = time.Second
	longestPause  = time.Minute
)

// New returns a sender. It fails with *[store.InvalidError] for a configuration that cannot work,
// and sends nothing yet.
func New(cfg Config) (*Sender, error) {
	invalid := func(what, got, rule string) (*Sender, error) {
		return nil, &store.InvalidError{What: what + " of a webhook", Got: got, Rule: rule}
	}
	target, err := url.Parse(cfg.URL)
	if err != nil || target.Host == "" || target.Scheme != "http" && target.Scheme != "https" {
		return invalid("URL", "", "must be like https://host/path")
	}
	s := &Sender{wake: make(chan struct{}, 1), ended: make(chan struct{})}
	for _, text := range cfg.Secrets {
		encoded, prefixed := strings.CutPrefix(text, "whsec_")
		secret, err := base64.StdEncoding.DecodeString(encoded)
		if err != nil || !prefixed || len(secret) < 24 || len(secret) > 64 {
			return invalid("secret", "", `must be "whsec_" and the base64 of 24 to 64 bytes`)
		}
		s.secrets = append(s.secrets, secret)
	}
	if cfg.Queue < 0 || cfg.Interval < 0 || cfg.Timeout < 0 || cfg.MaxAge < 0 {
		return invalid("queue or time", "", "must not be negative")
	}
	if len(cfg.Kinds) == 0 {
		cfg.Kinds = []registry.NoticeKind{registry.NoticeTransition, registry.NoticeError, registry.NoticeLost, registry.NoticeRestart}
	}
	cfg.Kinds, cfg.Header = slices.Clone(cfg.Kinds), cfg.Header.Clone()
	cfg.Queue = cmp.Or(cfg.Queue, 1000)
	cfg.Interval = cmp.Or(cfg.Interval, 100*time.Millisecond)
	cfg.Timeout = cmp.Or(cfg.Timeout, 10*time.Second)
	cfg.MaxAge = cmp.Or(cfg.MaxAge, time.Hour)
	if cfg.Client != nil {
		s.client = *cfg.Client
	}
	// The client would repeat a POST as a GET, and take the answer to that for a success.
	s.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	s.cfg = cfg
	s.life, s.cancel = context.WithCancel(context.Background())
	go s.run()
	return s, nil
}

// Observe implements [registry.Observer]. It does not wait.
func (s *Sender) Observe(_ context.Context, n registry.Notice) {
	if !slices.Contains(s.cfg.Kinds, n.Kind) {
		return
	}
	if n.At.IsZero() {
		n.At = time.Now()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.closing:
		s.drop(n, ErrClosed)
		return
	case len(s.queue) > s.cfg.Queue: // and one that is being sent
		s.drop(s.queue[1], ErrFull)
		s.queue = slices.Delete(s.queue, 1, 2)
	}
	s.queue = append(s.queue, n)
	s.signal()
}

// Stats returns the counts so far.
func (s *Sender) Stats() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stats.Waiting = len(s.queue)
	return s.stats
}

// Close sends the notices that wait, until ctx ends, and then ends the sender. It fails with an
// error that says how many notices it has dropped. Later notices are dropped. It may be called
// again. Without a deadline in ctx it may wait for a server that is down until each notice is too
// old.
func (s *Sender) Close(ctx context.Context) error {
	s.mu.Lock()
	s.closing = true
	s.signal()
	s.mu.Unlock()
	select {
	case <-s.ended:
	case <-ctx.Done():
		s.cancel()
		<-s.ended
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	left := len(s.queue)
	for _, n := range s.queue {
		s.drop(n, ErrClosed)
	}
	s.queue = nil
	s.tellDrops()
	if left > 0 {
		return fmt.Errorf("%w with %d notices in the queue", ErrClosed, left)
	}
	return nil
}

// signal has the goroutine look again.
func (s *Sender) signal() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// drop counts a notice that is not sent. The mutex is locked.
func (s *Sender) drop(n registry.Notice, err error) {
	s.stats.Dropped++
	s.missed++
	if len(s.dropped) < s.cfg.Queue {
		s.dropped = append(s.dropped, drop{n, err})
	}
}

// tellDrops tells of the drops. The mutex is locked, and open meanwhile.
func (s *Sender) tellDrops() {
	drops := s.dropped
	s.dropped = nil
	s.mu.Unlock()
	defer s.mu.Lock()
	for i, d := range drops {
		if s.cfg.Dropped == nil {
			if i == 0 {
				slog.Warn("leasehold: notices were not sent", "key", d.notice.Key, "count", len(drops), "error", d.err)
			}
			continue
		}
		func() {
			defer func() {
				if p := recover(); p != nil {
					slog.Error("leasehold: the function Dropped of a webhook panicked", "key", d.notice.Key, "panic", p)
				}
			}()
			s.cfg.Dropped(d.notice, d.err)
		}()
	}
}

// run sends notices until the sender is closed and its queue is empty, or its life ends.
func (s *Sender) run() {
	defer close(s.ended)
	for {
		s.mu.Lock()
		s.tellDrops()
		var n registry.Notice
		waiting, closing := len(s.queue), s.closing
		if waiting > 0 {
			n = s.queue[0]
		}
		s.mu.Unlock()
		switch {
		case s.life.Err() != nil || closing && waiting == 0:
			s.cancel()
			return
		case waiting == 0:
			<-s.wake
			continue
		}
		err := s.deliver(n)
		if s.life.Err() != nil && err != nil {
			return // Close drops it with the others
		}
		s.mu.Lock()
		s.queue = slices.Delete(s.queue, 0, 1)
		if err != nil {
			s.drop(n, err)
		} else {
			s.stats.Sent++
			s.missed -= s.told
		}
		s.mu.Unlock()
		s.sleep(s.cfg.Interval)
	}
}

// sleep waits for a time or until the life of the sender ends.
func (s *Sender) sleep(d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-s.life.Done():
	}
}

// deliver tries until the server has taken a notice, or it is of no use.
func (s *Sender) deliver(n registry.Notice) error {
	id := "msg_" + rand.Text()
	for try, pause := 0, shortestPause; ; try, pause = try+1, min(2*pause, longestPause) {
		if try > 0 {
			s.mu.Lock()
			s.stats.Retried++
			s.tellDrops()
			s.mu.Unlock()
		}
		after, err := s.try(id, n)
		if err == nil || after < 0 {
			return err
		}
		wait := max(after, pause/2+mathrand.N(pause/2), s.cfg.Interval)
		if time.Since(n.At)+wait > s.cfg.MaxAge {
			return err
		}
		if s.sleep(wait); s.life.Err() != nil {
			return err
		}
	}
}

// try makes one request. With an error, after is the least pause before another one, or negative if
// there is no use in it.
func (s *Sender) try(id string, n registry.Notice) (after time.Duration, err error) {
	s.mu.Lock()
	s.told = s.missed
	s.mu.Unlock()
	body, err := encode(n, s.told)
	if err != nil {
		return -1, err
	}
	ctx, cancel := context.WithTimeout(s.life, s.cfg.Timeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, s.cfg.URL, bytes.NewReader(body))
	if err != nil {
		return -1, errors.New("webhook: the request cannot be made")
	}
	for name, values := range s.cfg.Header {
		request.Header[name] = values
	}
	now := strconv.FormatInt(time.Now().Unix(), 10)
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("User-Agent", "leasehold")
	request.Header.Set("Webhook-Id", id)
	request.Header.Set("Webhook-Timestamp", now)
	if len(s.secrets) > 0 {
		request.Header.Set("Webhook-Signature", s.sign(id, now, body))
	}
	answer, err := s.client.Do(request)
	if err != nil {
		if wrapped, ok := errors.AsType[*url.Error](err); ok {
			err = wrapped.Err // without the URL, which can have a secret
		}
		return 0, fmt.Errorf("webhook: %w", err)
	}
	defer answer.Body.Close()
	text, _ := io.ReadAll(io.LimitReader(answer.Body, 64<<10)) // so that the connection is used again
	if answer.StatusCode/100 == 2 {
		return 0, nil
	}
	refused := &StatusError{Code: answer.StatusCode, Text: strings.ToValidUTF8(string(text[:min(len(text), 200)]), "")}
	switch code := answer.StatusCode; {
	case code >= 500, code == http.StatusTooManyRequests, code == http.StatusRequestTimeout:
		return retryAfter(answer.Header.Get("Retry-After")), refused
	}
	return -1, refused
}

// retryAfter reads the header, in seconds or as a date.
func retryAfter(text string) time.Duration {
	if seconds, err := strconv.Atoi(text); err == nil && seconds > 0 {
		return time.Duration(min(seconds, 24*3600)) * time.Second
	}
	if at, err := http.ParseTime(text); err == nil {
		return max(time.Until(at), 0)
	}
	return 0
}

// sign returns a signature for each secret.
func (s *Sender) sign(id, timestamp string, body []byte) string {
	var all []string
	for _, secret := range s.secrets {
		h := hmac.New(sha256.New, secret)
		fmt.Fprintf(h, "%s.%s.", id, timestamp)
		h.Write(body)
		all = append(all, "v1,"+base64.StdEncoding.EncodeToString(h.Sum(nil)))
	}
	return strings.Join(all, " ")
}

// sent is the body of a request.
type sent struct {
	Type      string    `json:"type"`
	Timestamp time.Time `json:"timestamp"`
	Data      data      `json:"data"`
}

type data struct {
	Key      string                  `json:"key"`
	Instance string                  `json:"instance,omitempty"`
	Token    store.Token             `json:"token,omitempty"`
	From     string                  `json:"from,omitempty"`
	To       string                  `json:"to,omitempty"`
	Event    string                  `json:"event,omitempty"`
	Cause    string                  `json:"cause,omitempty"`
	Number   uint64                  `json:"number,omitempty"`
	Request  *registry.LoggedRequest `json:"request,omitempty"`
	Error    string                  `json:"error,omitempty"`
	Duration float64                 `json:"duration,omitempty"`
	Count    int                     `json:"count,omitempty"`
	Dropped  int64                   `json:"dropped,omitempty"`
}

func encode(n registry.Notice, missed int64) ([]byte, error) {
	t := n.Transition
	d := data{
		Key: n.Key, Instance: n.Instance, Token: n.Token, From: t.From, To: t.To, Event: t.Event, Cause: t.Cause,
		Duration: n.Duration.Seconds(), Count: n.Count, Dropped: missed,
	}
	if n.Kind == registry.NoticeTransition {
		d.Number = t.Number
	}
	if n.Kind == registry.NoticeRequest {
		d.Request = &n.Request
	}
	if n.Err != nil {
		d.Error = n.Err.Error()
	}
	return json.Marshal(sent{"leasehold." + strings.ReplaceAll(string(n.Kind), " ", "_"), n.At.UTC(), d})
}
