package main

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
)

func TestFlagsAreTaken(t *testing.T) {
	for args, want := range map[string]settings{
		"":               {"order.json", ""},
		"pay":            {"order.json", "pay"},
		"-file f cancel": {"f", "cancel"},
	} {
		if s, err := parseFlags(strings.Fields(args), io.Discard); err != nil || s != want {
			t.Errorf("%q: %+v, error %v", args, s, err)
		}
	}
}

func TestBadArgumentsAreNamed(t *testing.T) {
	for _, c := range []struct {
		args []string
		says string
	}{
		{[]string{"-bogus"}, "-bogus"},
		{[]string{"refund"}, `unknown command "refund"; commands: place, show, draw, pay, pack, box, label, ship, cancel`},
		{[]string{""}, `unknown command ""`},
		{[]string{"pay", "-file"}, `unexpected argument "-file"`},
	} {
		var stderr bytes.Buffer
		code := run(t.Context(), c.args, io.Discard, &stderr)
		if code != exitUsage || !strings.Contains(stderr.String(), c.says) {
			t.Errorf("%q: exit %d, says %q", c.args, code, &stderr)
		}
	}
}

func TestHelpIsNoMistake(t *testing.T) {
	var stderr bytes.Buffer
	code := run(t.Context(), []string{"-h"}, io.Discard, &stderr)
	if help := stderr.String(); code != exitOK || !strings.Contains(help, "-file") || !strings.Contains(help, "label, ship, cancel") {
		t.Errorf("exit %d, says %s", code, help)
	}
}

func TestExitCodes(t *testing.T) {
	for _, c := range []struct {
		err  error
		code int
	}{
		{nil, exitOK},
		{errors.New("anything"), exitRefused},
		{usageError{errors.New("x")}, exitUsage},
		{errors.Join(errors.New("refused"), fileError{errors.New("x")}), exitFile},
	} {
		if got := exitCode(c.err); got != c.code {
			t.Errorf("%v: exit %d, want %d", c.err, got, c.code)
		}
	}
}
