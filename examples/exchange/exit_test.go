package main

import (
	"errors"
	"fmt"
	"testing"

	"github.com/leasehold-go/leasehold/lease"
	"github.com/leasehold-go/leasehold/store"
)

func TestExitCodes(t *testing.T) {
	for _, c := range []struct {
		err  error
		code int
	}{
		{nil, exitOK},
		{errors.New("anything"), exitStore},
		{&store.Error{Condition: store.ErrUnavailable}, exitStore},
		{&store.Error{Condition: store.ErrInDoubt}, exitStore},
		{usageError{errors.New("x")}, exitUsage},
		{&store.InvalidError{What: "ttl"}, exitUsage},
		{&store.HeldError{}, exitConflict},
		{fmt.Errorf("more: %w", &store.ForeignError{}), exitConflict},
		{&lease.LostError{Cause: lease.ErrExpired}, exitLost},
		{errors.Join(&lease.LostError{Cause: &store.ForeignError{}}, errors.New("x")), exitLost},
	} {
		if got := exitCode(c.err); got != c.code {
			t.Errorf("%v: exit %d, want %d", c.err, got, c.code)
		}
	}
}
