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

// maxFile is the size of the largest file that is read, in bytes: that of the largest
// snapshot that can be decoded.
const maxFile = 1 << 20

// fileError is a file that is no order, or that cannot be read or written.
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

// successor is the next content of a file, under another name until it is whole. While
// it exists no other process can begin one, so that no change is lost.
type successor struct {
	*os.File
	path string // of the file that it succeeds
}

func succeed(path string) (successor, error) {
	name := path + ".next"
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		err = fmt.Errorf("another command is at work on %s; if none is, remove %s", path, name)
	}
	if err != nil {
		return successor{}, fileError{err}
	}
	return successor{f, path}, nil
}

// commit puts a snapshot in the place of the old one, all of it or nothing.
func (f successor) commit(s fsm.Snapshot[State]) error {
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

// drop leaves the old one where it is.
func (f successor) drop() error {
	if err := errors.Join(f.Close(), os.Remove(f.Name())); err != nil {
		return fileError{err}
	}
	return nil
}
