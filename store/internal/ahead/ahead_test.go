package ahead_test

import (
	"context"
	"errors"
	"iter"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/leasehold-go/leasehold/store/internal/ahead"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// numbers yields 0 to 9, and then an error if there is one.
func numbers(err error) func(context.Context) iter.Seq2[int, error] {
	return func(context.Context) iter.Seq2[int, error] {
		return func(yield func(int, error) bool) {
			for i := range 10 {
				if !yield(i, nil) {
					return
				}
			}
			if err != nil {
				yield(0, err)
			}
		}
	}
}

// Later items take less time, and a second of the ten is saved for each that is read meanwhile.
func TestAnswersComeInOrderAndAreReadMeanwhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began, want := time.Now(), 0
		for got, err := range ahead.Read(t.Context(), numbers(nil), func(_ context.Context, i int) (int, error) {
			time.Sleep(time.Duration(10-i) * 100 * time.Millisecond)
			return i, nil
		}) {
			if err != nil || got != want {
				t.Errorf("got %d, %v; want %d", got, err, want)
			}
			want++
			time.Sleep(100 * time.Millisecond)
		}
		if took := time.Since(began); want != 10 || took > 4*time.Second {
			t.Errorf("%d answers took %v; one after the other they take 6.5s", want, took)
		}
	})
}

func TestAnErrorIsTheLastThing(t *testing.T) {
	broken := errors.New("broken")
	read := func(_ context.Context, i int) (int, error) {
		if i == 5 {
			return 0, broken
		}
		return i, nil
	}
	well := func(_ context.Context, i int) (int, error) { return i, nil }
	for name, c := range map[string]struct {
		items func(context.Context) iter.Seq2[int, error]
		read  func(context.Context, int) (int, error)
		want  int
	}{"of an answer": {numbers(nil), read, 5}, "of the items": {numbers(broken), well, 10}} {
		t.Run(name, func(t *testing.T) {
			answers, errs := 0, 0
			for _, err := range ahead.Read(t.Context(), c.items, c.read) {
				switch {
				case err == nil && errs == 0:
					answers++
				case errors.Is(err, broken):
					errs++
				default:
					t.Errorf("%v after %d errors", err, errs)
				}
			}
			if answers != c.want || errs != 1 {
				t.Errorf("%d answers and %d errors; want %d and 1", answers, errs, c.want)
			}
		})
	}
}

// A loop that is left ends the reads that are under way.
func TestTheReadsEndWithTheLoop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for i := range ahead.Read(t.Context(), numbers(nil), func(ctx context.Context, i int) (int, error) {
			if i > 0 {
				<-ctx.Done()
			}
			return i, ctx.Err()
		}) {
			if i != 0 {
				t.Errorf("item %d was waited for", i)
			}
			break
		}
	})
}

// The caller's context ends a loop with an error, although more has been read.
func TestTheEndOfTheContextIsAnError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stop := errors.New("stop")
		ctx, cancel := context.WithCancelCause(t.Context())
		defer cancel(nil)
		answers, last := 0, error(nil)
		for _, err := range ahead.Read(ctx, numbers(nil), func(_ context.Context, i int) (int, error) { return i, nil }) {
			if last = err; err == nil {
				answers++
				synctest.Wait() // the next ones are read
				cancel(stop)
			}
		}
		if answers != 1 || !errors.Is(last, context.Canceled) || !errors.Is(last, stop) {
			t.Errorf("the loop ended with %v after %d answers", last, answers)
		}
	})
}
