package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/leasehold-go/leasehold/examples/internal/program"
	"github.com/leasehold-go/leasehold/fsm"
)

// order is a test's order.
type order struct {
	t    *testing.T
	path string
}

// newOrder returns an order that is not placed yet.
func newOrder(t *testing.T) order { return order{t, filepath.Join(t.TempDir(), "order.json")} }

// placed returns an order after place and the events.
func placed(t *testing.T, events ...string) order {
	t.Helper()
	o := newOrder(t)
	for _, command := range append([]string{"place"}, events...) {
		o.want(program.ExitOK, "", command)
	}
	return o
}

// run runs a command in this process.
func (o order) run(command string) (code int, stdout, stderr string) {
	var out, errs bytes.Buffer
	code = example.Execute(context.Background(), []string{"-file", o.path, command}, program.Streams{Out: &out, Err: &errs})
	if _, err := os.Stat(o.path + ".next"); err == nil {
		o.t.Errorf("%s has not removed its .next file", command)
	}
	return code, out.String(), errs.String()
}

// want runs a command and checks its exit code, and that one of its outputs contains text.
func (o order) want(code int, text, command string) {
	o.t.Helper()
	got, stdout, stderr := o.run(command)
	if got != code || !strings.Contains(stdout+stderr, text) {
		o.t.Fatalf("%s: exit %d, want %d and %q: %s%s", command, got, code, text, stdout, stderr)
	}
}

func (o order) bytes() []byte {
	o.t.Helper()
	data, err := os.ReadFile(o.path)
	if err != nil {
		o.t.Fatal(err)
	}
	return data
}

// watch returns a function that reports whether the file is unchanged and has not been
// replaced, even by equal content. It keeps the file open, so that no new file gets its inode.
func (o order) watch() (same func() bool) {
	f, err := os.Open(o.path)
	if err != nil {
		o.t.Fatal(err)
	}
	o.t.Cleanup(func() { f.Close() })
	before := o.bytes()
	return func() bool {
		opened, err := f.Stat()
		found, missing := os.Stat(o.path)
		return err == nil && missing == nil && os.SameFile(opened, found) && bytes.Equal(before, o.bytes())
	}
}

// steps returns the event or cause of each transition in the history, and the state.
func (o order) steps() (steps []string, state State) {
	o.t.Helper()
	s, err := readOrder(o.path)
	if err != nil {
		o.t.Fatal(err)
	}
	for _, t := range s.History {
		steps = append(steps, t.Event+t.Cause)
	}
	return steps, s.State
}

func (o order) wantSteps(state State, want ...string) {
	o.t.Helper()
	if steps, at := o.steps(); at != state || !slices.Equal(steps, want) {
		o.t.Errorf("in %s after %q, want %s after %q", at, steps, state, want)
	}
}

// process runs a command as a process.
func (o order) process(command string) (code int, output string) {
	text, err := exec.Command(binary(o.t), "-file", o.path, command).CombinedOutput()
	var failed *exec.ExitError
	switch {
	case errors.As(err, &failed):
		return failed.ExitCode(), string(text)
	case err != nil:
		o.t.Error(err)
	}
	return program.ExitOK, string(text)
}

// allEvents are the events of an order until it is shipped.
var allEvents = []string{"pay", "pack", "box", "label", "ship"}

func TestEachCommandContinuesTheOrderInItsOwnProcess(t *testing.T) {
	o := newOrder(t)
	for _, command := range append([]string{"place"}, allEvents...) {
		if code, output := o.process(command); code != program.ExitOK {
			t.Fatalf("%s: exit %d: %s", command, code, output)
		}
	}
	o.wantSteps(Shipped, allEvents...)
}

func TestCancelIsPossibleInEveryOpenState(t *testing.T) {
	for n := range allEvents {
		events := allEvents[:n]
		o := placed(t, events...)
		o.want(program.ExitOK, "-> cancelled: cancel", "cancel")
		o.wantSteps(Cancelled, append(slices.Clone(events), "cancel")...)
		o.want(exitRefused, "no event is possible", "cancel")
	}
}

func TestRefusedCommandDoesNotWriteTheFile(t *testing.T) {
	for _, c := range []struct {
		after   []string
		command string
		want    string
	}{
		{nil, "ship", `event "ship" in placed: not handled; possible: pay, cancel`},
		{allEvents[:1], "pay", `event "pay" in paid: not handled`},
		{allEvents[:3], "ship", `event "ship" in boxing: not handled; possible: label, cancel`},
		{allEvents, "cancel", `event "cancel" in shipped: not handled; no event is possible`},
	} {
		o := placed(t, c.after...)
		same := o.watch()
		o.want(exitRefused, c.want, c.command)
		o.want(program.ExitOK, "possible: ", "show")
		if !same() {
			t.Errorf("%s or show has written the file", c.command)
		}
	}
}

func TestShowPrintsStateParentsAndPossibleEvents(t *testing.T) {
	placed(t, "pay", "pack").want(program.ExitOK, "picking, in packing, in open; possible: box, cancel\n", "show")
	placed(t, allEvents...).want(program.ExitOK, "shipped; possible: nothing\n", "show")
}

func TestDrawMarksStateAndHistory(t *testing.T) {
	_, picture, _ := placed(t, "pay").run("draw")
	if !strings.HasPrefix(picture, "stateDiagram-v2\n") || !strings.Contains(picture, "taken 1") || !strings.Contains(picture, " current\n") {
		t.Errorf("drawing is %s", picture)
	}
}

// Restoring the order does not restart its timeout.
func TestDeadlineContinuesAcrossProcesses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := placed(t)
		for range 14 {
			time.Sleep(time.Minute)
			o.want(program.ExitOK, "placed", "show")
		}
		time.Sleep(time.Minute - time.Second)
		o.want(program.ExitOK, "placed", "show")
		time.Sleep(time.Second)
		o.want(program.ExitOK, "placed -> cancelled: timeout after 15m in placed\ncancelled; possible: nothing\n", "show")
	})
}

func TestPaymentInTimeEndsTheDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := placed(t)
		time.Sleep(15*time.Minute - time.Second)
		o.want(program.ExitOK, "placed -> paid: pay\n", "pay")
		time.Sleep(time.Hour)
		o.want(program.ExitOK, "paid, in open", "show")
	})
}

// A command closes its machine, so the deadline is left to the next process.
func TestEndedCommandFiresNoTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOrder(t)
		for _, command := range []string{"place", "show"} {
			var stdout bytes.Buffer
			if code := example.Execute(t.Context(), []string{"-file", o.path, command}, program.Streams{Out: &stdout, Err: io.Discard}); code != program.ExitOK {
				t.Fatalf("%s: exit %d", command, code)
			}
			printed, same := stdout.String(), o.watch()
			time.Sleep(time.Hour)
			synctest.Wait()
			if stdout.String() != printed || !same() {
				t.Errorf("after %s: %s", command, &stdout)
			}
			if err := advance(o.path, -time.Hour); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// The timeout fires before the event of the command.
func TestOverdueOrderIsCancelledOnceByTheNextCommand(t *testing.T) {
	const step = "placed -> cancelled: timeout after 15m in placed"
	for command, code := range map[string]int{"pay": exitRefused, "cancel": exitRefused, "show": program.ExitOK, "draw": program.ExitOK} {
		o := placed(t)
		if err := advance(o.path, time.Hour); err != nil {
			t.Fatal(err)
		}
		o.want(code, step, command)
		o.wantSteps(Cancelled, "timeout after 15m in placed")
		text := o.bytes()
		if got, stdout, _ := o.run(command); got != code || strings.Contains(stdout, step) || !bytes.Equal(text, o.bytes()) {
			t.Errorf("%s again: exit %d, output %s", command, got, stdout)
		}
	}
}

// Concurrent commands do not lose a change: one pays, and the others find the order locked
// or paid.
func TestOneOfManyConcurrentPaymentsSucceeds(t *testing.T) {
	o := placed(t)
	var mu sync.Mutex
	codes := make(map[int]int)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			code, output := o.process("pay")
			if code != program.ExitOK && !strings.Contains(output, "not handled") && !strings.Contains(output, "another command") {
				t.Errorf("exit %d: %s", code, output)
			}
			mu.Lock()
			defer mu.Unlock()
			codes[code]++
		})
	}
	all.Wait()
	if codes[program.ExitOK] != 1 || codes[exitRefused]+codes[exitFile] != 7 {
		t.Errorf("exit codes %v", codes)
	}
	o.wantSteps(Paid, "pay")
}

// A reader that opened the file before the change reads the whole old order.
func TestChangeReplacesTheFileAtomically(t *testing.T) {
	o := placed(t)
	before := o.bytes()
	f, err := os.Open(o.path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	o.want(program.ExitOK, "", "pay")
	if text, err := io.ReadAll(f); err != nil || !bytes.Equal(text, before) {
		t.Errorf("read %q, %v", text, err)
	}
}

func TestFailedWriteKeepsTheOldFile(t *testing.T) {
	o := placed(t)
	before := o.bytes()
	next, err := createNext(o.path)
	if err != nil {
		t.Fatal(err)
	}
	next.Close() // makes the write fail, as a full disk does
	if err := next.commit(fsm.Snapshot[State]{State: Paid}); example.ExitCode(err) != exitFile {
		t.Errorf("error is %v", err)
	}
	if !bytes.Equal(before, o.bytes()) {
		t.Errorf("the file is %s", o.bytes())
	}
	o.want(program.ExitOK, "paid", "pay") // no .next file is left
}

func TestPlaceKeepsAnExistingFile(t *testing.T) {
	o := placed(t, "pay")
	before := o.bytes()
	o.want(exitFile, "exists already", "place")
	if !bytes.Equal(before, o.bytes()) {
		t.Errorf("the file is %s", o.bytes())
	}
}

func TestErrorNamesTheFileOfAKilledCommand(t *testing.T) {
	o := placed(t)
	left := o.path + ".next"
	if err := os.WriteFile(left, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	var stderr bytes.Buffer
	code := example.Execute(t.Context(), []string{"-file", o.path, "pay"}, program.Streams{Out: io.Discard, Err: &stderr})
	if code != exitFile || !strings.Contains(stderr.String(), "if none is, remove "+left) {
		t.Errorf("exit %d: %s", code, &stderr)
	}
	if _, err := os.Stat(left); err != nil {
		t.Error("the .next file of another command was removed: ", err)
	}
	o.wantSteps(Placed)
}

func TestInterruptedCommandChangesNothing(t *testing.T) {
	o := placed(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var stderr bytes.Buffer
	if code := example.Execute(ctx, []string{"-file", o.path, "pay"}, program.Streams{Out: io.Discard, Err: &stderr}); code != exitRefused {
		t.Errorf("exit %d: %s", code, &stderr)
	}
	o.wantSteps(Placed)
	o.want(program.ExitOK, "paid", "pay")
}

func TestErrorNamesABadFileAndKeepsIt(t *testing.T) {
	other := fsm.MustDefine("placed", fsm.Table[string]{"placed": {"paid"}, "paid": {}})
	foreign, err := json.Marshal(fsm.New(other).Snapshot())
	if err != nil {
		t.Fatal(err)
	}
	good := string(placed(t).bytes())
	for want, text := range map[string]string{
		"unexpected end of JSON input":     good[:len(good)/2],
		"invalid character":                "an order",
		`"state" is missing`:               "{}",
		"it is of table":                   string(foreign),
		`"lost" is not in the table`:       strings.Replace(good, `"state":"placed"`, `"state":"lost"`, 1),
		`no machine can be in "open"`:      strings.Replace(good, `"state":"placed"`, `"state":"open"`, 1),
		"version 99":                       strings.Replace(good, `"version":1`, `"version":99`, 1),
		"1048577 bytes, more than 1048576": strings.Repeat(" ", maxFile) + good,
	} {
		o := newOrder(t)
		if err := os.WriteFile(o.path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		for _, command := range []string{"pay", "show"} {
			o.want(exitFile, want, command)
			o.want(exitFile, "order: "+o.path+": bad snapshot: ", command)
		}
		if string(o.bytes()) != text {
			t.Errorf("%s: the file was changed", want)
		}
	}
}

func TestErrorNamesAnUnreadableFile(t *testing.T) {
	o := newOrder(t)
	o.want(exitFile, "order: open "+o.path+": no such file", "pay")
	o.want(exitFile, "order: open "+o.path+": no such file", "show")
	dir := order{t, t.TempDir()}
	dir.want(exitFile, "is a directory", "pay")
	dir.want(exitFile, "exists already", "place")
}
