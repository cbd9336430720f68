package page

import (
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"strconv"
	"time"

	"github.com/leasehold-go/leasehold/registry"
	"github.com/leasehold-go/leasehold/store"
)

// asked is the body of a request.
type asked struct {
	Key   string          `json:"key"`
	State string          `json:"state"`
	Event string          `json:"event"`
	Arg   json.RawMessage `json:"arg"`
	Cause string          `json:"cause"`
	Token string          `json:"token"`
}

// request returns the move that is asked for, and its options.
func (a asked) request() (what registry.Requested, opts []registry.RequestOption, err error) {
	switch {
	case (a.State == "") == (a.Event == ""):
		return what, nil, badRequest("a request must have a state or an event")
	case a.State != "" && a.Arg != nil:
		return what, nil, badRequest("a state has no argument")
	case a.State != "":
		what = registry.ForState(a.State)
	case a.Arg != nil:
		what = registry.ForEvent(a.Event, a.Arg)
	default:
		what = registry.ForEvent(a.Event, nil)
	}
	opts = append(opts, registry.WithRequestTimeout(registry.DefaultRequestTimeout))
	if a.Cause != "" {
		opts = append(opts, registry.WithRequestCause(a.Cause))
	}
	if a.Token != "" {
		token, err := strconv.ParseUint(a.Token, 10, 64)
		if err != nil || token == 0 {
			return what, nil, badRequest("token must be digits")
		}
		opts = append(opts, registry.WithRequestToken(store.Token(token)))
	}
	return what, opts, nil
}

// request asks an instance for a state or an event.
func (p *Page) request(w http.ResponseWriter, r *http.Request) {
	switch {
	case !p.cfg.Requests:
		p.refused(r, "requests are off")
		p.fail(w, &problem{http.StatusForbidden, "this page asks nothing of instances", "start it with --allow-requests, or use leasehold request"})
		return
	case !sameOrigin(r):
		p.refused(r, "another origin")
		p.fail(w, &problem{http.StatusForbidden, "the request does not come from this page", "use the page itself"})
		return
	}
	var asked asked
	if err := body(r, &asked); err != nil {
		p.fail(w, err)
		return
	}
	if err := p.mayRead(asked.Key); err != nil {
		p.fail(w, err)
		return
	}
	what, opts, err := asked.request()
	if err != nil {
		p.fail(w, err)
		return
	}
	opts = append(opts, registry.WithSender("page: "+cut(who(r), maxLogged)))
	select {
	case p.asking <- struct{}{}:
		defer func() { <-p.asking }()
	default:
		p.fail(w, &problem{http.StatusServiceUnavailable, "too many requests are under way", "try again"})
		return
	}

	began := time.Now()
	reply, err := registry.Request(r.Context(), p.cfg.Store, asked.Key, what, opts...)
	if errors.Is(err, store.ErrInDoubt) && r.Context().Err() == nil && reply.ID != "" { // with its id it is done once
		reply, err = registry.Request(r.Context(), p.cfg.Store, asked.Key, what, append(opts, registry.WithRequestID(reply.ID))...)
	}
	outcome := string(reply.Outcome)
	if outcome == "" {
		outcome = "no answer"
	}
	attrs := []slog.Attr{
		slog.String("key", asked.Key), slog.String("what", what.String()), slog.String("who", who(r)), slog.String("outcome", outcome),
		slog.String("id", reply.ID), slog.Duration("took", time.Since(began)),
	}
	if via := r.Header.Get("X-Forwarded-For"); via != "" { // not proved
		attrs = append(attrs, slog.String("forwarded_for", cut(via, maxLogged)))
	}
	if asked.Cause != "" {
		attrs = append(attrs, slog.String("cause", asked.Cause))
	}
	if err != nil {
		attrs = append(attrs, slog.Any("err", err))
	}
	p.cfg.Logger.LogAttrs(r.Context(), slog.LevelInfo, "request", attrs...)

	if refused := new(registry.RequestError); err != nil && !errors.As(err, &refused) {
		p.fail(w, err)
		return
	}
	answer(w, http.StatusOK, struct {
		Outcome   registry.Outcome `json:"outcome"`
		State     string           `json:"state,omitempty"`
		Permitted []string         `json:"permitted,omitempty"`
		Error     string           `json:"error,omitempty"`
		At        moment           `json:"at,omitzero"`
		ID        string           `json:"id"`
	}{reply.Outcome, reply.State, reply.Permitted, reply.Error, moment{reply.At}, reply.ID})
}
