// Package ctxerr says why a context has ended, and has a context for short calls.
package ctxerr

import (
	"context"
	"fmt"
)

// Of returns the error of a context that has ended, and its cause if that says more. It
// matches both.
func Of(ctx context.Context) error {
	err, cause := ctx.Err(), context.Cause(ctx)
	if err == cause {
		return err
	}
	return fmt.Errorf("%w: %w", err, cause)
}
