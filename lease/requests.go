package lease

import (
	"context"
	"iter"

	"github.com/leasehold-go/leasehold/store"
)

// requester returns the store as one that passes requests.
func (l *lease) requester() (store.Requester, error) {
	if st, ok := l.keeper.store.(store.Requester); ok {
		return st, nil
	}
	return nil, &store.InvalidError{Key: l.key, What: "store", Rule: "must pass requests, as a store.Requester does"}
}

func (l *lease) Requests(ctx context.Context) iter.Seq2[store.Request, error] {
	return func(yield func(store.Request, error) bool) {
		st, err := l.requester()
		if err != nil {
			yield(store.Request{}, err)
			return
		}
		ctx, cancel := l.Context(ctx)
		defer cancel()
		for r, err := range st.Requests(ctx, l.key, l.token) {
			if err != nil && notOurs(err) {
				l.lose(err)
			}
			if ended := l.Err(); err != nil && ended != nil {
				err = ended
			}
			if !yield(r, err) {
				return
			}
		}
	}
}

func (l *lease) Answer(ctx context.Context, answer store.Answer) error {
	st, err := l.requester()
	if err == nil {
		err = forKey(l.key, answer.Check())
	}
	if err != nil {
		return err
	}
	return l.inTurn(ctx, func(ctx context.Context) error {
		err := sound("answer", l.key, st.Answer(ctx, l.key, l.token, answer))
		if notOurs(err) {
			l.lose(err)
			return l.Err()
		}
		return err
	})
}
