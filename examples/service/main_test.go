package main

import (
	"context"
	"net"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestAServiceThatIsToldToEndBeforeItHasAStoreHasNotFailed(t *testing.T) {
	hung, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer hung.Close()
	ctx, end := context.WithCancel(t.Context())
	defer end()
	go func() {
		conn, err := hung.Accept() // of the store that is being opened
		if err != nil {
			return
		}
		defer conn.Close()
		end()
		<-ctx.Done()
	}()
	if err := run(ctx, []string{"-http", "127.0.0.1:0", "-store", "redis://" + hung.Addr().String()}); err != nil {
		t.Error(err)
	}
}
