package lease

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"
	"sync/atomic"
	"time"

	"github.com/leasehold-go/leasehold/store"
)

// maxPatience bounds the time for the callbacks of one batch.
const maxPatience = 100 * time.Millisecond

// The stages of a callback of a renewal.
const (
	notCalled int32 = iota
	running
	returned
	abandoned // the batch went on without it
)

// errCallbackRunning is why a heartbeat carries no value while a callback of an earlier one
// has not returned.
var errCallbackRunning = fmt.Errorf("%w: one of an earlier heartbeat is still running", ErrLate)

// encode calls encode of each renewal and takes over the values that are ready in time. A
// value that is not, or that cannot be sent, is left out: the holder lives, and its record
// must not die of a value.
func (k *Keeper) encode(items []*renewal) {
	if len(items) == 0 {
		return
	}
	k.callEach(items, (*renewal).callEncode)
	for _, r := range items {
		switch r.stage.Swap(abandoned) {
		case running:
			r.turn, r.skip = false, ErrLate // the callback keeps the turn
		case notCalled:
			r.skip = ErrLate
		case returned:
			value, err := r.value, r.fault
			if err == nil && len(value) > 0 {
				err = store.CheckValue(value)
			}
			if r.skip = err; err == nil && len(value) > 0 {
				r.write.Value, r.carries = value, true
			}
		}
	}
}

func (r *renewal) callEncode() {
	encode, at := r.lease.heartbeat.encode, r.at
	r.fault = protect("encode", func() (err error) {
		r.value, err = encode(at)
		return err
	})
	if !r.stage.CompareAndSwap(running, returned) { // too late: the value is dropped
		r.lease.giveTurn()
	}
}

// commit runs the commit of each value that the store has confirmed.
func (k *Keeper) commit(items []renewal) {
	var commits []*renewal
	for i := range items {
		if r := &items[i]; r.carries {
			r.stage.Store(notCalled)
			commits = append(commits, r)
		}
	}
	if len(commits) > 0 {
		k.callEach(commits, (*renewal).callCommit)
	}
}

func (r *renewal) callCommit() {
	err := protect("commit", func() error {
		r.lease.heartbeat.commit()
		return nil
	})
	if err != nil {
		r.skip = err
	}
	r.giveTurn()
	r.report()
}

// callEach calls f for each renewal on one goroutine. When that takes longer than patience,
// each renewal left gets a goroutine of its own, so that a callback that hangs costs one
// goroutine and holds up no other. callEach returns after twice the patience at most.
func (k *Keeper) callEach(items []*renewal, f func(*renewal)) {
	var left atomic.Int32
	left.Store(int32(len(items)))
	done := make(chan struct{})
	call := func(items []*renewal) {
		for _, r := range items {
			if r.stage.CompareAndSwap(notCalled, running) {
				f(r)
				if left.Add(-1) == 0 {
					close(done)
				}
			}
		}
	}
	patience := min(k.cfg.Heartbeat/16, maxPatience)
	k.callbacks.start(func() { call(items) })
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-done:
		return
	case <-k.life.Done():
		return
	case <-timer.C:
	}
	for i, r := range items {
		if r.stage.Load() == notCalled {
			k.callbacks.start(func() { call(items[i : i+1]) })
		}
	}
	timer.Reset(patience)
	select {
	case <-done:
	case <-k.life.Done():
	case <-timer.C:
	}
}

// protect calls a callback and turns a panic in it into a *[PanicError].
func protect(name string, f func() error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = &PanicError{Callback: name, Value: v, Stack: debug.Stack()}
		}
	}()
	return f()
}

// insideCallback reports whether the caller runs inside a callback of a keeper, by the
// function [protect] on its stack.
func insideCallback() bool {
	pcs := make([]uintptr, 256)
	frames := runtime.CallersFrames(pcs[:runtime.Callers(2, pcs)])
	for {
		frame, more := frames.Next()
		if strings.HasSuffix(frame.Function, "/lease.protect") {
			return true
		}
		if !more {
			return false
		}
	}
}
