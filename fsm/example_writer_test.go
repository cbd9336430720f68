package fsm_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/leasehold-go/leasehold/fsm"
)

type Invoice string

const (
	Draft Invoice = "draft"
	Sent  Invoice = "sent"
	Paid  Invoice = "paid"
)

var invoice = fsm.MustDefine(Draft, fsm.Table[Invoice]{
	Draft: {Sent},
	Sent:  {Paid},
	Paid:  {},
})

// FileWriter is the path of a file that holds the value of one machine, for one process at a
// time. To survive a loss of power, it would also have to sync the file and its directory.
type FileWriter string

// Write replaces the file as a whole. If it fails, the file keeps the old value.
func (path FileWriter) Write(_ context.Context, encode func() ([]byte, error), commit func()) error {
	value, err := encode()
	if err != nil {
		return err
	}
	next := string(path) + ".next"
	if err := os.WriteFile(next, value, 0o600); err != nil {
		return err
	}
	if err := os.Rename(next, string(path)); err != nil {
		return err
	}
	commit()
	return nil
}

// A writer that saves a machine in a file. The machine moves only once the file is replaced.
func ExampleWriter() {
	ctx := context.Background()
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "invoice.json")

	m := fsm.New(invoice, fsm.WithWriter(FileWriter(path)))
	fmt.Println(m.Transition(ctx, Sent))

	// Another process goes on from the file.
	data, err := os.ReadFile(path)
	if err != nil {
		panic(err)
	}
	stored, err := fsm.DecodeSnapshot[Invoice](data)
	if err != nil {
		panic(err)
	}
	again, err := fsm.Restore(invoice, stored, fsm.WithWriter(FileWriter(path)))
	if err != nil {
		panic(err)
	}
	fmt.Println(again.State())

	// A write that fails leaves the machine where it was.
	os.RemoveAll(dir)
	err = again.Transition(ctx, Paid)
	fmt.Println(errors.Is(err, fs.ErrNotExist), again.State())
	// Output:
	// <nil>
	// sent
	// true sent
}

// Ledger is a writer that makes its values itself, and hears of timeouts that were refused.
type Ledger struct{ lines []string }

func (l *Ledger) Write(_ context.Context, encode func() ([]byte, error), commit func()) error {
	value, err := encode()
	if err != nil {
		return err
	}
	l.lines = append(l.lines, string(value))
	commit()
	return nil
}

func (l *Ledger) EncodeSnapshot(_ context.Context, s fsm.Snapshot[Invoice]) ([]byte, error) {
	return fmt.Appendf(nil, "%d %s", s.Number, s.State), nil
}

func (l *Ledger) HandleTimeoutError(_ context.Context, err error) {
	l.lines = append(l.lines, err.Error())
}

var (
	_ fsm.SnapshotEncoder[Invoice] = new(Ledger)
	_ fsm.TimeoutErrorHandler      = new(Ledger)
)

// A writer may make the value itself, from the machine as it will be.
func ExampleSnapshotEncoder() {
	ctx := context.Background()
	l := new(Ledger)
	m := fsm.New(invoice, fsm.WithWriter(l))
	_ = m.Transition(ctx, Sent)
	_ = m.Transition(ctx, Draft) // refused, so not written
	_ = m.Transition(ctx, Paid)
	fmt.Printf("%q\n", l.lines)
	// Output: ["1 sent" "2 paid"]
}
