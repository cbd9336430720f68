package page

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/leasehold-go/leasehold/registry"
	"github.com/leasehold-go/leasehold/store"
)

// problem is an error for a client, with advice.
type problem struct {
	status   int
	text, do string
}

func (p *problem) Error() string { return p.text }

func badRequest(format string, args ...any) error {
	return &problem{http.StatusBadRequest, fmt.Sprintf(format, args...), "see that page and server are of one version: reload the page"}
}

// problemOf returns the problem that a client is told for an error.
func problemOf(err error) *problem {
	text := cut(err.Error(), maxText)
	if p, is := errors.AsType[*problem](err); is {
		return p
	}
	switch {
	case errors.Is(err, store.ErrNotFound):
		return &problem{http.StatusNotFound, text, "nobody holds the key: its log may tell why"}
	case errors.Is(err, registry.ErrNoRequests):
		return &problem{http.StatusConflict, text, "its program has to set Config.Requests"}
	case errors.Is(err, store.ErrLost):
		return &problem{http.StatusConflict, text, "another instance holds the key now: look again"}
	case errors.Is(err, store.ErrFull):
		return &problem{http.StatusTooManyRequests, text, "wait until the requests before have been answered"}
	case errors.Is(err, store.ErrInvalid):
		return &problem{http.StatusBadRequest, text, "change the request"}
	case errors.Is(err, store.ErrInDoubt):
		return &problem{http.StatusGatewayTimeout, text, "look in the log whether it happened"}
	case errors.Is(err, context.DeadlineExceeded):
		return &problem{http.StatusGatewayTimeout, text, "see that the store runs, and try again"}
	case errors.Is(err, store.ErrUnavailable):
		return &problem{http.StatusServiceUnavailable, text, "see that the store runs, and that the page has the right to read it"}
	}
	return &problem{http.StatusInternalServerError, text, "see the log of the server"}
}

// fail answers with an error.
func (p *Page) fail(w http.ResponseWriter, err error) {
	problem := problemOf(err)
	if problem.status == http.StatusServiceUnavailable || problem.status == http.StatusTooManyRequests {
		w.Header().Set("Retry-After", "5")
	}
	answer(w, problem.status, struct {
		Error string `json:"error"`
		Do    string `json:"do"`
	}{problem.text, problem.do})
}

func answer(w http.ResponseWriter, status int, value any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(append(encode(value), '\n'))
}

// reading makes a handler of a call that reads the store. Only so many of them run at a time.
func (p *Page) reading(call func(context.Context, *http.Request) (any, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), readLimit)
		defer cancel()
		select {
		case p.reads <- struct{}{}:
			defer func() { <-p.reads }()
		case <-ctx.Done():
			p.fail(w, &problem{http.StatusServiceUnavailable, "too many others read at this time", "try again"})
			return
		}
		value, err := call(ctx, r)
		if err != nil {
			p.fail(w, err)
			return
		}
		answer(w, http.StatusOK, value)
	}
}

// body decodes the body of a request.
func body(r *http.Request, into any) error {
	if kind, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";"); strings.TrimSpace(strings.ToLower(kind)) != "application/json" {
		return &problem{http.StatusUnsupportedMediaType, "the body must be application/json", "set Content-Type"}
	}
	text, err := io.ReadAll(r.Body)
	if err != nil {
		if large := new(http.MaxBytesError); errors.As(err, &large) {
			return &problem{http.StatusRequestEntityTooLarge, fmt.Sprintf("the body has more than %d bytes", large.Limit), "ask for less at a time"}
		}
		return badRequest("the body cannot be read: %v", err)
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return badRequest("the body cannot be read: %v", err)
	}
	if d.More() {
		return badRequest("the body has more than one value")
	}
	return nil
}

// keysOf checks the keys of a call.
func (p *Page) keysOf(keys []string, least, most int) error {
	if len(keys) < least || len(keys) > most {
		return badRequest("%d keys: there must be %d to %d", len(keys), least, most)
	}
	for _, key := range keys {
		if err := p.mayRead(key); err != nil {
			return err
		}
	}
	return nil
}

// mayRead refuses keys that are not of this page.
func (p *Page) mayRead(key string) error {
	if err := store.CheckKey(key); err != nil {
		return err
	}
	if !strings.HasPrefix(key, p.cfg.Prefix) {
		return badRequest("the page shows keys that begin with %q alone", p.cfg.Prefix)
	}
	return nil
}
