package connector

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/leasehold-go/leasehold/fsm"
	"github.com/leasehold-go/leasehold/lease"
	"github.com/leasehold-go/leasehold/store"
)

// written returns the lines of an output, without time and key.
func written(t *testing.T, write func(output)) string {
	t.Helper()
	var out bytes.Buffer
	write(newOutput(&out, key))
	head := regexp.MustCompile(`(?m)^\{"time":"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z","level":"(INFO|WARN|ERROR)",`)
	return strings.ReplaceAll(head.ReplaceAllString(out.String(), "{"), `"key":"exchange:1:status",`, "")
}

func TestOutputLines(t *testing.T) {
	for want, write := range map[string]func(output){
		`{"msg":"transition","token":7,"from":"idle","to":"starting"}`: func(o output) {
			o.transition(7, fsm.Transition[State]{From: Idle, To: Starting})
		},
		`{"msg":"rejected","from":"idle","to":"x","allowed":[],"error":"idle -> x: no"}`: func(o output) {
			o.rejected(0, &fsm.TransitionError[State]{From: Idle, To: "x", Err: errors.New("no")})
		},
		`{"msg":"heartbeat","token":7}`:  func(o output) { o.heartbeat(lease.RenewAttempt{Token: 7}) },
		`{"msg":"error","error":"away"}`: func(o output) { o.failed(0, errors.New("away")) },
		`{"msg":"error","token":7,"error":"away"}`: func(o output) {
			o.heartbeat(lease.RenewAttempt{Token: 7, Err: errors.New("away")})
		},
		`{"msg":"error","token":7,"error":"too long"}`: func(o output) {
			o.heartbeat(lease.RenewAttempt{Token: 7, Skipped: errors.New("too long")})
		},
		"": func(o output) {
			o.heartbeat(lease.RenewAttempt{Token: 7, Err: &store.Error{Condition: store.ErrLost}})
		},
		`{"msg":"deregistered","token":7}`:                                                            func(o output) { o.deregistered(7) },
		`{"msg":"status","secondsLeft":null,"foreign":true,"record":"<x>"}`:                           func(o output) { o.status(store.Record{Value: []byte("<x>"), Left: store.Forever}) },
		`{"msg":"status","token":7,"secondsLeft":1.5,"foreign":false,"record":{"hostname":"host-a"}}`: statusLine,
	} {
		if got := strings.TrimSuffix(written(t, write), "\n"); got != want {
			t.Errorf("line is\n%s, want\n%s", got, want)
		}
	}
}

func statusLine(o output) {
	o.status(store.Record{Token: 7, Value: []byte(`{"hostname":"host-a"}`), Left: 1_500_000_000})
}

func TestLossIsWrittenOnce(t *testing.T) {
	text := written(t, func(o output) {
		var writers sync.WaitGroup
		for range 8 {
			writers.Go(func() { o.lost(&lease.LostError{Token: 7, Cause: lease.ErrExpired}) })
		}
		writers.Wait()
	})
	if n := strings.Count(text, `"msg":"lost"`); n != 1 {
		t.Errorf("%d lines:\n%s", n, text)
	}
}

func TestConcurrentLinesDoNotMix(t *testing.T) {
	text := written(t, func(o output) {
		var writers sync.WaitGroup
		for i := range 8 {
			writers.Go(func() {
				for range 200 {
					o.failed(7, fmt.Errorf("%s", strings.Repeat(fmt.Sprint(i), 500)))
				}
			})
		}
		writers.Wait()
	})
	for line := range strings.Lines(text) {
		if !json.Valid([]byte(line)) {
			t.Fatalf("line is %q", line)
		}
	}
}
