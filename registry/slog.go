package registry

import (
	"context"
	"log/slog"
)

// LogTo returns an observer that writes a line for each notice: at level error for a loss and an
// error, at level warn for a rejection, a restart, dropped log entries and a definition that is not
// published, and at level info for the rest. The message is "leasehold: " and the kind of the notice. The package documentation lists
// the names of the attributes.
func LogTo(logger *slog.Logger) Observer { return slogObserver{logger} }

type slogObserver struct{ logger *slog.Logger }

func (o slogObserver) Observe(ctx context.Context, n Notice) {
	o.logger.LogAttrs(ctx, n.level(), "leasehold: "+string(n.Kind), n.attrs()...)
}

func (n Notice) level() slog.Level {
	switch n.Kind {
	case NoticeLost, NoticeError:
		return slog.LevelError
	case NoticeRejected, NoticeRestart, NoticeLogDropped, NoticeDefinition:
		return slog.LevelWarn
	}
	return slog.LevelInfo
}

// LogValue implements [slog.LogValuer], with the attributes of [LogTo] and the kind.
func (n Notice) LogValue() slog.Value {
	return slog.GroupValue(append(n.attrs(), slog.String("notice", string(n.Kind)))...)
}

func (n Notice) attrs() []slog.Attr {
	attrs := []slog.Attr{slog.String("key", n.Key), slog.String("instance", n.Instance)}
	if n.Token != 0 {
		attrs = append(attrs, slog.Uint64("token", uint64(n.Token)))
	}
	text := func(name, value string) {
		if value != "" {
			attrs = append(attrs, slog.String(name, value))
		}
	}
	switch n.Kind {
	case NoticeTransition, NoticeRejected:
		t := n.Transition
		text("from", t.From)
		text("to", t.To)
		text("event", t.Event)
		text("cause", t.Cause)
		if n.Kind == NoticeTransition {
			attrs = append(attrs, slog.Uint64("number", t.Number))
		}
	case NoticeRequest:
		r := n.Request
		text("request", r.ID)
		text("sender", r.Sender)
		text("asked", r.What)
		text("outcome", string(r.Outcome))
		text("error", r.Error)
	case NoticeLogDropped:
		attrs = append(attrs, slog.Int("count", n.Count))
	}
	if n.Duration != 0 {
		attrs = append(attrs, slog.Duration("duration", n.Duration))
	}
	if n.Err != nil {
		attrs = append(attrs, slog.Any("error", n.Err))
	}
	return attrs
}
