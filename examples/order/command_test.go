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

	"github.com/leasehold-go/leasehold/fsm"
)

// order is an order in a file.
type order struct {
	t    *testing.T
	path string
}

// none is an order that has yet to be placed.
func none(t *testing.T) order { return order{t, filepath.Join(t.TempDir(), "order.json")} }

// placed is an order to which some things have happened.
func placed(t *testing.T, events ...string) order {
	t.Helper()
	o := none(t)
	for _, command := range append([]string{"place"}, events...) {
		o.want(exitOK, "", command)
	}
	return o
}

// does runs a command in this process.
func (o order) does(command string) (code int, stdout, stderr string) {
	var out, errs bytes.Buffer
	code = run(context.Background(), []string{"-file", o.path, command}, &out, &errs)
	if _, err := os.Stat(o.path + ".next"); err == nil {
		o.t.Errorf("%s left its file behind", command)
	}
	return code, out.String(), errs.String()
}

// want runs a command and checks its exit code, and that one of its outputs says
// something.
func (o order) want(code int, says, command string) {
	o.t.Helper()
	got, stdout, stderr := o.does(command)
	if got != code || !strings.Contains(stdout+stderr, says) {
		o.t.Fatalf("%s: exit %d, want %d and %q: %s%s", command, got, code, says, stdout, stderr)
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

// watch returns whether the file is still the same, and has not been replaced even by
// one with the same content. It keeps the file open, so that no other is given its number.
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

// steps are the events or causes in the history, and the state that they led to.
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

// process runs a command as a process of its own.
func (o order) process(command string) (code int, output string) {
	text, err := exec.Command(binary(o.t), "-file", o.path, command).CombinedOutput()
	var failed *exec.ExitError
	switch {
	case errors.As(err, &failed):
		return failed.ExitCode(), string(text)
	case err != nil:
		o.t.Error(err)
	}
	return exitOK, string(text)
}

var whole = []string{"pay", "pack", "box", "label", "ship"}

func TestASnapshotGoesOnInAnotherProcess(t *testing.T) {
	o := none(t)
	for _, command := range append([]string{"place"}, whole...) {
		if code, output := o.process(command); code != exitOK {
			t.Fatalf("%s: exit %d: %s", command, code, output)
		}
	}
	o.wantSteps(Shipped, whole...)
}

func TestAnOpenOrderCanBeCancelledWhereverItIs(t *testing.T) {
	for n := range whole {
		events := whole[:n]
		o := placed(t, events...)
		o.want(exitOK, "-> cancelled: cancel", "cancel")
		o.wantSteps(Cancelled, append(slices.Clone(events), "cancel")...)
		o.want(exitRefused, "no event is possible", "cancel")
	}
}

func TestARefusedCommandLeavesTheFileAsItIs(t *testing.T) {
	for _, c := range []struct {
		after   []string
		command string
		says    string
	}{
		{nil, "ship", `event "ship" in placed: not handled; possible: pay, cancel`},
		{whole[:1], "pay", `event "pay" in paid: not handled`},
		{whole[:3], "ship", `event "ship" in boxing: not handled; possible: label, cancel`},
		{whole, "cancel", `event "cancel" in shipped: not handled; no event is possible`},
	} {
		o := placed(t, c.after...)
		same := o.watch()
		o.want(exitRefused, c.says, c.command)
		o.want(exitOK, "possible: ", "show")
		if !same() {
			t.Errorf("%s or show has written the file", c.command)
		}
	}
}

func TestShowSaysWhereAndWhatNext(t *testing.T) {
	placed(t, "pay", "pack").want(exitOK, "picking, in packing, in open; possible: box, cancel\n", "show")
	placed(t, whole...).want(exitOK, "shipped; possible: nothing\n", "show")
}

func TestDrawMarksThisOrder(t *testing.T) {
	_, picture, _ := placed(t, "pay").does("draw")
	if !strings.HasPrefix(picture, "stateDiagram-v2\n") || !strings.Contains(picture, "taken 1") || !strings.Contains(picture, " current\n") {
		t.Errorf("drew %s", picture)
	}
}

// The deadline is that of the moment when the order was placed, however often it was
// taken up since.
func TestTheDeadlineOutlivesProcesses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := placed(t)
		for range 14 {
			time.Sleep(time.Minute)
			o.want(exitOK, "placed", "show")
		}
		time.Sleep(time.Minute - time.Second)
		o.want(exitOK, "placed", "show")
		time.Sleep(time.Second)
		o.want(exitOK, "placed -> cancelled: timeout after 15m in placed\ncancelled; possible: nothing\n", "show")
	})
}

func TestAPaymentInTimeEndsTheDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := placed(t)
		time.Sleep(15*time.Minute - time.Second)
		o.want(exitOK, "placed -> paid: pay\n", "pay")
		time.Sleep(time.Hour)
		o.want(exitOK, "paid, in open", "show")
	})
}

// The deadline is for the next process: the one that has ended has let go of the order.
func TestACommandThatHasEndedDoesNothingMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := none(t)
		for _, command := range []string{"place", "show"} {
			var stdout bytes.Buffer
			if code := run(t.Context(), []string{"-file", o.path, command}, &stdout, io.Discard); code != exitOK {
				t.Fatalf("%s: exit %d", command, code)
			}
			said, same := stdout.String(), o.watch()
			time.Sleep(time.Hour)
			synctest.Wait()
			if stdout.String() != said || !same() {
				t.Errorf("after %s: %s", command, &stdout)
			}
			if err := age(o.path, -time.Hour); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// Whatever is asked of an order that is overdue, it is cancelled first, and once.
func TestAnOverdueOrderIsCancelledAtTheNextStartAndOnce(t *testing.T) {
	const step = "placed -> cancelled: timeout after 15m in placed"
	for command, code := range map[string]int{"pay": exitRefused, "cancel": exitRefused, "show": exitOK, "draw": exitOK} {
		o := placed(t)
		if err := age(o.path, time.Hour); err != nil {
			t.Fatal(err)
		}
		o.want(code, step, command)
		o.wantSteps(Cancelled, "timeout after 15m in placed")
		text := o.bytes()
		if got, stdout, _ := o.does(command); got != code || strings.Contains(stdout, step) || !bytes.Equal(text, o.bytes()) {
			t.Errorf("%s again: exit %d, says %s", command, got, stdout)
		}
	}
}

// Of commands that are given at the same time none is lost: one pays, and the others
// come too early or too late.
func TestOneOfManyPays(t *testing.T) {
	o := placed(t)
	var mu sync.Mutex
	codes := make(map[int]int)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			code, output := o.process("pay")
			if code != exitOK && !strings.Contains(output, "not handled") && !strings.Contains(output, "another command") {
				t.Errorf("exit %d: %s", code, output)
			}
			mu.Lock()
			defer mu.Unlock()
			codes[code]++
		})
	}
	all.Wait()
	if codes[exitOK] != 1 || codes[exitRefused]+codes[exitFile] != 7 {
		t.Errorf("exit codes %v", codes)
	}
	o.wantSteps(Paid, "pay")
}

// Whoever has the file open reads the order as it was, to the end.
func TestAChangeDoesNotShowHalfDone(t *testing.T) {
	o := placed(t)
	before := o.bytes()
	f, err := os.Open(o.path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	o.want(exitOK, "", "pay")
	if text, err := io.ReadAll(f); err != nil || !bytes.Equal(text, before) {
		t.Errorf("read %q, %v", text, err)
	}
}

func TestWhatCannotBeWrittenLeavesTheOldFile(t *testing.T) {
	o := placed(t)
	before := o.bytes()
	next, err := succeed(o.path)
	if err != nil {
		t.Fatal(err)
	}
	next.Close() // like a disk that is full
	if err := next.commit(fsm.Snapshot[State]{State: Paid}); exitCode(err) != exitFile {
		t.Errorf("error is %v", err)
	}
	if !bytes.Equal(before, o.bytes()) {
		t.Errorf("the file is %s", o.bytes())
	}
	o.want(exitOK, "paid", "pay") // nothing is in its way
}

func TestPlaceReplacesNothing(t *testing.T) {
	o := placed(t, "pay")
	before := o.bytes()
	o.want(exitFile, "exists already", "place")
	if !bytes.Equal(before, o.bytes()) {
		t.Errorf("the file is %s", o.bytes())
	}
}

func TestACommandThatWasKilledIsNamed(t *testing.T) {
	o := placed(t)
	left := o.path + ".next"
	if err := os.WriteFile(left, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	var stderr bytes.Buffer
	code := run(t.Context(), []string{"-file", o.path, "pay"}, io.Discard, &stderr)
	if code != exitFile || !strings.Contains(stderr.String(), "if none is, remove "+left) {
		t.Errorf("exit %d: %s", code, &stderr)
	}
	if _, err := os.Stat(left); err != nil {
		t.Error("it was taken from another command: ", err)
	}
	o.wantSteps(Placed)
}

func TestACommandThatIsInterruptedChangesNothing(t *testing.T) {
	o := placed(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var stderr bytes.Buffer
	if code := run(ctx, []string{"-file", o.path, "pay"}, io.Discard, &stderr); code != exitRefused {
		t.Errorf("exit %d: %s", code, &stderr)
	}
	o.wantSteps(Placed)
	o.want(exitOK, "paid", "pay")
}

func TestABadFileIsNamedAndLeftAlone(t *testing.T) {
	other := fsm.MustDefine("placed", fsm.Table[string]{"placed": {"paid"}, "paid": {}})
	foreign, err := json.Marshal(fsm.New(other).Snapshot())
	if err != nil {
		t.Fatal(err)
	}
	good := string(placed(t).bytes())
	for says, text := range map[string]string{
		"unexpected end of JSON input":     good[:len(good)/2],
		"invalid character":                "an order",
		`"" is not in the table`:           "{}",
		"it is of table":                   string(foreign),
		`"lost" is not in the table`:       strings.Replace(good, `"state":"placed"`, `"state":"lost"`, 1),
		`no machine can be in "open"`:      strings.Replace(good, `"state":"placed"`, `"state":"open"`, 1),
		"version 99":                       strings.Replace(good, `"version":1`, `"version":99`, 1),
		"1048577 bytes, more than 1048576": strings.Repeat(" ", maxFile) + good,
	} {
		o := none(t)
		if err := os.WriteFile(o.path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		for _, command := range []string{"pay", "show"} {
			o.want(exitFile, says, command)
			o.want(exitFile, "order: "+o.path+": bad snapshot: ", command)
		}
		if string(o.bytes()) != text {
			t.Errorf("%s: the file was changed", says)
		}
	}
}

func TestAFileThatCannotBeReadIsNamed(t *testing.T) {
	o := none(t)
	o.want(exitFile, "order: open "+o.path+": no such file", "pay")
	o.want(exitFile, "order: open "+o.path+": no such file", "show")
	dir := order{t, t.TempDir()}
	dir.want(exitFile, "is a directory", "pay")
	dir.want(exitFile, "exists already", "place")
}
