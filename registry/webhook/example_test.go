package webhook_test

import (
	"context"
	"fmt"
	"time"

	"github.com/leasehold-go/leasehold/registry"
	"github.com/leasehold-go/leasehold/registry/webhook"
)

// A sender is an observer of instances. Its Close sends what still waits, and belongs after the end of
// registry.Supervise.
func ExampleNew() {
	sender, err := webhook.New(webhook.Config{
		URL:     "https://alerts.example/leasehold",
		Secrets: []string{"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"},
		Kinds:   []registry.NoticeKind{registry.NoticeLost, registry.NoticeError},
		Dropped: func(n registry.Notice, err error) { fmt.Println("not sent:", n.Kind, err) },
	})
	if err != nil {
		panic(err)
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		fmt.Println(sender.Close(ctx))
	}()

	_ = registry.Config[string, struct{}]{Key: "exchange:1", Observers: []registry.Observer{sender}}
	// Output:
	// <nil>
}
