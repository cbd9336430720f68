package lease

import (
	"bytes"
	"context"
	"errors"

	"github.com/leasehold-go/leasehold/internal/ctxerr"
	"github.com/leasehold-go/leasehold/store"
)

func (l *lease) Update(ctx context.Context, value []byte) error {
	value = bytes.Clone(value)
	return l.Write(ctx, func() ([]byte, error) { return value, nil }, nil)
}

func (l *lease) Write(ctx context.Context, encode func() ([]byte, error), commit func()) error {
	if encode == nil {
		return l.noEncode()
	}
	return l.WriteContent(ctx, func() (Content, error) {
		value, err := encode()
		return Content{Value: value}, err
	}, commit)
}

func (l *lease) WriteContent(ctx context.Context, encode func() (Content, error), commit func()) error {
	if encode == nil {
		return l.noEncode()
	}
	return l.inTurn(ctx, func(ctx context.Context) error {
		content, err := encode()
		if err != nil {
			return err
		}
		if err := l.put(ctx, content); err != nil {
			return err
		}
		if commit != nil {
			commit()
		}
		return nil
	})
}

func (l *lease) noEncode() error {
	return &store.InvalidError{Key: l.key, What: "encode function", Rule: "must not be nil"}
}

// inTurn calls write when it is its turn, with a context that ends with the lease. A write in
// doubt is settled before.
func (l *lease) inTurn(ctx context.Context, write func(context.Context) error) error {
	ctx, cancel := l.Context(ctx)
	defer cancel()
	if !l.turn.take(ctx) {
		return l.withoutTurn(ctx)
	}
	defer l.finishWrite()
	if !l.Valid() || ctx.Err() != nil {
		return l.withoutTurn(ctx)
	}
	// A write in doubt is settled by writing the last confirmed value again.
	if l.turn.inDoubt {
		if err := l.put(ctx, Content{Value: l.turn.confirmed}); err != nil {
			if ended := l.Err(); ended != nil {
				return ended
			}
			return &store.Error{
				Op: "update", Key: l.key, Condition: store.ErrUnavailable,
				Err: errors.New("an earlier write is still in doubt: " + err.Error()),
			}
		}
	}
	return write(ctx)
}

// withoutTurn is the error of a write that was not prepared.
func (l *lease) withoutTurn(ctx context.Context) error {
	if err := l.Err(); err != nil {
		return err
	}
	return &store.Error{Op: "update", Key: l.key, Condition: store.ErrUnavailable, Err: ctxerr.Of(ctx)}
}

// put sends a value, unless the lease ended while the value was made. The turn is the
// caller's.
func (l *lease) put(ctx context.Context, c Content) error {
	if err := l.Err(); err != nil {
		return err
	}
	update := store.Update{Key: l.key, Token: l.token, Seq: l.turn.number(), Value: c.Value}
	err := sound("update", l.key, l.send(ctx, update, c))
	switch {
	case err == nil:
		l.turn.confirm(c.Value)
	case notOurs(err):
		l.lose(err)
		return l.Err()
	case errors.Is(err, store.ErrInDoubt):
		l.turn.inDoubt = true
	}
	return err
}

// finishWrite gives the turn back and has a write that is in doubt settled by a heartbeat.
// The turn goes first, because that heartbeat needs it.
func (l *lease) finishWrite() {
	inDoubt := l.turn.inDoubt
	l.giveTurn()
	if inDoubt {
		l.keeper.renewNow(l)
	}
}

// giveTurn hands the turn on, and has a heartbeat sent at once if the turn is now reserved.
func (l *lease) giveTurn() {
	if l.turn.give() {
		l.keeper.renewNow(l)
	}
}
