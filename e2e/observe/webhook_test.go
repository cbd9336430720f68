package observe_test

import (
	"encoding/base64"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/leasehold-go/leasehold/registry"
	"github.com/leasehold-go/leasehold/registry/webhook"
)

// A receiver with the library of the standard can check each request, with either secret.
func TestAReceiverCanCheckARequest(t *testing.T) {
	secrets := []string{
		"whsec_" + base64.StdEncoding.EncodeToString([]byte("0123456789abcdefghijklmn")),
		"whsec_" + base64.StdEncoding.EncodeToString([]byte("nmlkjihgfedcba9876543210")),
	}
	type request struct {
		header http.Header
		body   []byte
	}
	got := make(chan request, 10)
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got <- request{r.Header, body}
	}))
	defer server.Close()
	sender, err := webhook.New(webhook.Config{URL: server.URL, Secrets: secrets})
	if err != nil {
		t.Fatal(err)
	}
	sender.Observe(t.Context(), registry.Notice{Kind: registry.NoticeError, Key: "é", At: time.Now(), Err: errors.New("<boom>")})
	if err := sender.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	r := <-got
	for _, secret := range secrets {
		receiver, err := standardwebhooks.NewWebhook(secret)
		if err != nil {
			t.Fatal(err)
		}
		if err := receiver.Verify(r.body, r.header); err != nil {
			t.Errorf("the library refuses %s: %v", r.body, err)
		}
		if err := receiver.Verify(append(r.body[:len(r.body):len(r.body)], ' '), r.header); err == nil {
			t.Error("the library takes a body that was changed")
		}
	}
}
