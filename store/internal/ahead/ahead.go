// Package ahead reads the next items of a loop while its body runs.
package ahead

import (
	"context"
	"iter"
	"sync"

	"github.com/leasehold-go/leasehold/internal/ctxerr"
)

// Read yields the answer of read for each item, in the order of the items, and has two later items
// read meanwhile. The first error, of items, of read or of ctx, is the last thing that it yields. items
// and read are called in goroutines of their own, with a context that ends with the loop; all have
// returned when the loop is over.
func Read[In, Out any](ctx context.Context, items func(context.Context) iter.Seq2[In, error], read func(context.Context, In) (Out, error)) iter.Seq2[Out, error] {
	type answer struct {
		out Out
		err error
	}
	return func(yield func(Out, error) bool) {
		ctx, cancel := context.WithCancel(ctx)
		begun, left := make(chan chan answer, 1), make(chan struct{})
		var calls sync.WaitGroup
		defer calls.Wait()
		defer close(left)
		defer cancel()
		calls.Go(func() {
			defer close(begun)
			for in, err := range items(ctx) {
				a := make(chan answer, 1)
				if err != nil {
					a <- answer{err: err}
				} else {
					calls.Go(func() {
						out, err := read(ctx, in)
						a <- answer{out, err}
					})
				}
				select {
				case begun <- a:
				case <-left:
					return
				}
			}
		})
		for next := range begun {
			a := <-next
			if a.err == nil && ctx.Err() != nil { // what was read ahead is of no use any more
				a.err = ctxerr.Of(ctx)
			}
			if !yield(a.out, a.err) || a.err != nil {
				return
			}
		}
	}
}
