package main

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"time"
)

func TestFlagsAreTaken(t *testing.T) {
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

func TestBadFlagsAreNamed(t *testing.T) {
	for args, says := range map[string]string{
		"-for 0s":           "-for 0s",
		"-first 999us":      "-first 999µs: must be at least 1ms",
		"-most 99ms":        "-most 99ms: must be at least -first 100ms",
		"-first x":          "-first",
		"-bogus":            "-bogus",
		"now":               `unexpected argument "now"`,
		"-first 3s -for 1s": "-most 2s: must be at least -first 3s",
	} {
		var stderr bytes.Buffer
		code := run(t.Context(), strings.Fields(args), io.Discard, &stderr)
		if code != exitUsage || !strings.Contains(stderr.String(), says) {
			t.Errorf("%s: exit %d, says %q", args, code, &stderr)
		}
	}
}

func TestHelpIsNoMistake(t *testing.T) {
	var stderr bytes.Buffer
	if code := run(t.Context(), []string{"-h"}, io.Discard, &stderr); code != exitOK || !strings.Contains(stderr.String(), "-most") {
		t.Errorf("exit %d, says %s", code, &stderr)
	}
}

func TestExitCodes(t *testing.T) {
	for err, code := range map[error]int{nil: exitOK, errors.New("anything"): exitServer, usageError{errors.New("x")}: exitUsage} {
		if got := exitCode(err); got != code {
			t.Errorf("%v: exit %d, want %d", err, got, code)
		}
	}
}
