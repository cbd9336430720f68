package main

import (
	"fmt"
	"io"
	"sync"
	"time"
)

// journal writes standard output: what happens, one a line, with the time since the
// program began. It may be used by any number of goroutines.
type journal struct {
	mu    sync.Mutex
	out   io.Writer
	began time.Time
}

func newJournal(w io.Writer) *journal { return &journal{out: w, began: time.Now()} }

func (j *journal) write(format string, args ...any) {
	j.mu.Lock()
	defer j.mu.Unlock()
	fmt.Fprintf(j.out, "%5d ms  %s\n", time.Since(j.began).Milliseconds(), fmt.Sprintf(format, args...))
}
