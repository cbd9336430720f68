package main

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/leasehold-go/leasehold/examples/internal/program"
)

func TestFlagsSetTheSettings(t *testing.T) {
	for args, want := range map[string]settings{
		"":                                {5 * time.Second, 100 * time.Millisecond, 2 * time.Second},
		"-for 1m -first 1ms -most 1ms":    {time.Minute, time.Millisecond, time.Millisecond},
		"-for 1ns -first 10ms -most 20ms": {1, 10 * time.Millisecond, 20 * time.Millisecond},
	} {
		if s, err := parseFlags(strings.Fields(args), io.Discard); err != nil || s != want {
			t.Errorf("%q: %+v, error %v", args, s, err)
		}
	}
}

func TestErrorNamesTheBadFlag(t *testing.T) {
	for args, want := range map[string]string{
		"-for 0s":           "-for 0s",
		"-first 999us":      "-first 999µs: must be at least 1ms",
		"-most 99ms":        "-most 99ms: must be at least -first 100ms",
		"-first x":          "-first",
		"-bogus":            "-bogus",
		"now":               `unexpected argument "now"`,
		"-first 3s -for 1s": "-most 2s: must be at least -first 3s",
	} {
		var stderr bytes.Buffer
		code := example.Execute(t.Context(), strings.Fields(args), program.Streams{Out: io.Discard, Err: &stderr})
		if code != program.ExitUsage || !strings.Contains(stderr.String(), want) {
			t.Errorf("%s: exit %d, standard error %q", args, code, &stderr)
		}
	}
}

func TestHelpExits0(t *testing.T) {
	var stderr bytes.Buffer
	if code := example.Execute(t.Context(), []string{"-h"}, program.Streams{Out: io.Discard, Err: &stderr}); code != program.ExitOK || !strings.Contains(stderr.String(), "-most") {
		t.Errorf("exit %d, standard error %s", code, &stderr)
	}
}

func TestExitCodes(t *testing.T) {
	for err, code := range map[error]int{nil: program.ExitOK, errors.New("anything"): program.ExitFailure, program.UsageErrorf("x"): program.ExitUsage} {
		if got := example.ExitCode(err); got != code {
			t.Errorf("%v: exit %d, want %d", err, got, code)
		}
	}
}
