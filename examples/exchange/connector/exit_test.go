package connector

import (
	"errors"
	"fmt"
	"testing"

	"github.com/leasehold-go/leasehold/examples/internal/program"
	"github.com/leasehold-go/leasehold/lease"
	"github.com/leasehold-go/leasehold/store"
)

func TestExitCodes(t *testing.T) {
	for _, c := range []struct {
		err  error
		code int
	}{
		{nil, program.ExitOK},
		{errors.New("anything"), exitStore},
		{&store.Error{Condition: store.ErrUnavailable}, exitStore},
		{&store.Error{Condition: store.ErrInDoubt}, exitStore},
		{program.UsageErrorf("x"), program.ExitUsage},
		{&store.InvalidError{What: "ttl"}, program.ExitUsage},
		{&store.HeldError{}, exitConflict},
		{fmt.Errorf("more: %w", &store.ForeignError{}), exitConflict},
		{&lease.LostError{Cause: lease.ErrExpired}, exitLost},
		{errors.Join(&lease.LostError{Cause: &store.ForeignError{}}, errors.New("x")), exitLost},
	} {
		if got := example.ExitCode(c.err); got != c.code {
			t.Errorf("%v: exit %d, want %d", c.err, got, c.code)
		}
	}
}
