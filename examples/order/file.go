package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/leasehold-go/leasehold/fsm"
)

// maxFile is the size of the largest file that is read, in bytes. It is the limit of
// [fsm.DecodeSnapshot].
const maxFile = 1 << 20

// fileError is a failure to read or write an order, or a file that is not an order.
type fileError struct{ error }

func (e fileError) Unwrap() error { return e.error }

// readOrder reads the snapshot in a file.
func readOrder(path string) (s fsm.Snapshot[State], err error) {
	f, err := os.Open(path)
	if err != nil {
		return s, fileError{err}
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return s, fileError{err}
	}
	if s, err = fsm.DecodeSnapshot[State](data); err != nil {
		return s, fileError{fmt.Errorf("%s: %w", path, err)}
	}
	return s, nil
}

// nextFile is the next content of a file, under another name until it is complete. It is
// also a lock: while it exists, no other process can change the order.
type nextFile struct {
	*os.File
	path string // of the file that it replaces
}

// createNext locks an order, until commit or discard.
func createNext(path string) (nextFile, error) {
	name := path + ".next"
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		err = fmt.Errorf("another command is at work on %s; if none is, remove %s", path, name)
	}
	if err != nil {
		return nextFile{}, fileError{err}
	}
	return nextFile{f, path}, nil
}

// commit replaces the old file by a snapshot, atomically. If it fails, the old file stays.
func (f nextFile) commit(s fsm.Snapshot[State]) error {
	err := json.NewEncoder(f).Encode(s)
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), f.path)
	}
	if err != nil {
		return errors.Join(fileError{err}, os.Remove(f.Name()))
	}
	return nil
}

// discard keeps the old file.
func (f nextFile) discard() error {
	if err := errors.Join(f.Close(), os.Remove(f.Name())); err != nil {
		return fileError{err}
	}
	return nil
}
