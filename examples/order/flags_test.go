package main

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/leasehold-go/leasehold/examples/internal/program"
)

func TestFlagsAndCommandSetTheSettings(t *testing.T) {
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

func TestErrorNamesTheBadArgument(t *testing.T) {
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"-bogus"}, "-bogus"},
		{[]string{"refund"}, `unknown command "refund"; commands: place, show, draw, pay, pack, box, label, ship, cancel`},
		{[]string{""}, `unknown command ""`},
		{[]string{"pay", "-file"}, `unexpected argument "-file"`},
	} {
		var stderr bytes.Buffer
		code := example.Execute(t.Context(), c.args, program.Streams{Out: io.Discard, Err: &stderr})
		if code != program.ExitUsage || !strings.Contains(stderr.String(), c.want) {
			t.Errorf("%q: exit %d, standard error %q", c.args, code, &stderr)
		}
	}
}

func TestHelpExits0(t *testing.T) {
	var stderr bytes.Buffer
	code := example.Execute(t.Context(), []string{"-h"}, program.Streams{Out: io.Discard, Err: &stderr})
	if help := stderr.String(); code != program.ExitOK || !strings.Contains(help, "-file") || !strings.Contains(help, "label, ship, cancel") {
		t.Errorf("exit %d, standard error %s", code, help)
	}
}

func TestExitCodes(t *testing.T) {
	for _, c := range []struct {
		err  error
		code int
	}{
		{nil, program.ExitOK},
		{errors.New("anything"), exitRefused},
		{program.UsageErrorf("x"), program.ExitUsage},
		{errors.Join(errors.New("refused"), fileError{errors.New("x")}), exitFile},
	} {
		if got := example.ExitCode(c.err); got != c.code {
			t.Errorf("%v: exit %d, want %d", c.err, got, c.code)
		}
	}
}
