package page

import (
	"context"
	"fmt"
	"net/http"
	"time"
)

const (
	quietFor   = 15 * time.Second // then a stream has a beat
	writeLimit = 20 * time.Second // of a few frames; a client that takes longer is cut off
)

// hello begins a stream, and begins it again after a client has missed something.
type hello struct {
	Page          string `json:"page"`    // the run of the server
	Version       string `json:"version"` // of the assets
	Store         string `json:"store"`
	Prefix        string `json:"prefix"`
	AllowRequests bool   `json:"allowRequests"`
	Now           moment `json:"now"`
	Instances     int    `json:"instances"`
	Truncated     int    `json:"truncated,omitempty"`
	KeepGone      int64  `json:"keepGone"`
	Precision     int64  `json:"precision"`
	current
}

// beat is a sign of life. Scripts do not see a comment.
type beat struct {
	Now moment `json:"now"`
}

// events is the stream of everything that happens.
func (p *Page) events(w http.ResponseWriter, r *http.Request) {
	leave, err := p.streams.enter(r)
	if err != nil {
		p.fail(w, err)
		return
	}
	defer leave()
	h := w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("X-Accel-Buffering", "no") // nginx
	if r.Method == http.MethodHead {
		return
	}
	s := stream{w: w, control: http.NewResponseController(w)}

	quiet := time.NewTicker(quietFor)
	defer quiet.Stop()
	next := uint64(0) // no frame has it: begin with a hello
	for s.err == nil {
		frames, appended, ok := p.board.after(next)
		switch {
		case !ok:
			next = p.begin(r.Context(), &s)
			continue
		case len(frames) > 0:
			s.write(frames...)
			next += uint64(len(frames))
			continue
		}
		select {
		case <-appended:
		case <-quiet.C:
			s.write(event("beat", beat{now()}))
		case <-p.closing:
			s.write(event("bye", struct{}{}))
			return
		case <-r.Context().Done():
			return
		}
	}
}

// begin writes the hello with all rows and items. It returns the number of the frame that follows.
func (p *Page) begin(ctx context.Context, s *stream) uint64 {
	all := p.board.snapshot()
	h := p.hello
	h.Now, h.Truncated, h.current = now(), all.truncated, all.now
	for _, k := range all.rows {
		if k.row.Gone == nil {
			h.Instances++
		}
	}
	s.write(event("hello", h))
	for from := 0; s.err == nil && ctx.Err() == nil; from += rowsInFrame {
		to := min(from+rowsInFrame, len(all.rows))
		texts := make([][]byte, 0, to-from)
		for _, k := range all.rows[from:to] {
			texts = append(texts, k.text)
		}
		s.write(rowsEvent("rows", fmt.Sprintf(`"first":%t,"last":%t`, from == 0, to == len(all.rows)), texts))
		if to == len(all.rows) {
			break
		}
	}
	s.write(event("feed", feed{Items: all.items, All: true}))
	return all.next
}

// stream writes to one client, until the first error.
type stream struct {
	w       http.ResponseWriter
	control *http.ResponseController
	err     error
}

func (s *stream) write(frames ...[]byte) {
	if s.err == nil {
		s.err = s.control.SetWriteDeadline(time.Now().Add(writeLimit))
	}
	for _, f := range frames {
		if s.err == nil {
			_, s.err = s.w.Write(f)
		}
	}
	if s.err == nil {
		s.err = s.control.Flush()
	}
}
