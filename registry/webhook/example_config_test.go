package webhook_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/leasehold-go/leasehold/registry"
	"github.com/leasehold-go/leasehold/registry/webhook"
)

// A server that refuses a notice for good: it is dropped, and the reason is told.
func ExampleStatusError() {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "no such hook", http.StatusNotFound)
	}))
	defer server.Close()
	dropped := make(chan error, 1)
	sender, err := webhook.New(webhook.Config{
		URL:      server.URL,
		Interval: time.Millisecond,
		Dropped:  func(_ registry.Notice, err error) { dropped <- err },
	})
	if err != nil {
		panic(err)
	}
	sender.Observe(context.Background(), registry.Notice{Kind: registry.NoticeLost, Key: "exchange:1", Err: errors.New("expired")})
	if refused, ok := errors.AsType[*webhook.StatusError](<-dropped); ok {
		fmt.Printf("%d %q\n", refused.Code, refused.Text)
	}
	_ = sender.Close(context.Background())
	s := sender.Stats()
	fmt.Println(s.Sent, "sent,", s.Dropped, "dropped,", s.Waiting, "waiting")
	// Output:
	// 404 "no such hook\n"
	// 0 sent, 1 dropped, 0 waiting
}
