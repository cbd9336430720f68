package lease

import (
	"errors"
	"time"

	"github.com/leasehold-go/leasehold/store"
)

// beat is one renewal of one term under way.
type beat struct {
	term   *term
	at     time.Time
	write  store.Renewal
	commit func() // to run once a value is confirmed; may be nil
	turn   bool   // whether it has the term's turn to write
	mute   bool   // whether it goes out without a value because another write had the turn
	skip   error  // why it goes out without the value that it was to carry
}

// prepare makes a renewal. It carries a value if the term's heartbeats do, or if
// one is needed to settle a write in doubt; but never while another write is
// under way, since the two could arrive in either order. One that should have
// carried a value is followed by one that does; see [shard.start].
func (t *term) prepare(at time.Time) *beat {
	b := &beat{term: t, at: at, write: store.Renewal{Key: t.key, Token: t.token}}
	t.undue()
	if b.turn = t.handed() || t.tryTake(); b.turn {
		b.fill()
	} else {
		b.mute = t.beat.encode != nil
	}
	return b
}

// fill gives the renewal its value, or gives the turn back if it has none.
func (b *beat) fill() {
	t := b.term
	if t.beat.encode != nil {
		b.encode()
	}
	if len(b.write.Value) == 0 && t.doubt {
		b.write.Value = t.value
	}
	if len(b.write.Value) == 0 {
		b.giveTurn()
		return
	}
	t.seq++
	b.write.Seq = t.seq
}

// encode makes the value of the heartbeat. A value that cannot be had or sent is left out: the
// holder lives, and its record must not die of a value.
func (b *beat) encode() {
	value, err := b.term.beat.encode(b.at)
	if err == nil && len(value) == 0 {
		return
	}
	if err == nil {
		err = store.CheckValue(value)
	}
	if b.skip = err; err == nil {
		b.write.Value, b.commit = value, b.term.beat.commit
	}
}

// late reports whether the term has ended. The renewal is then not to be sent.
func (b *beat) late() bool {
	if b.term.Valid() {
		return false
	}
	b.giveTurn()
	return true
}

func (b *beat) giveTurn() {
	if b.turn {
		b.turn = false
		b.term.give()
	}
}

// finish takes in the store's answer, which the call returned after took; again is when
// to try again if it is none.
func (b *beat) finish(answer store.RenewResult, took time.Duration, again time.Time) {
	switch t := b.term; {
	case answer.Err == nil:
		t.extend(answer.Until)
		t.mute = b.mute
		b.confirm()
	case notOurs(answer.Err):
		t.lose(answer.Err)
	default:
		t.postpone(answer.Err, again)
		if b.turn && errors.Is(answer.Err, store.ErrInDoubt) {
			t.doubt = true
		}
	}
	b.giveTurn()
	if on := b.term.shard.keeper.cfg.OnRenew; on != nil && !errors.Is(b.term.Err(), ErrReleased) {
		on(RenewAttempt{Key: b.term.key, Token: b.term.token, At: b.at, Duration: took, Err: answer.Err, Skipped: b.skip})
	}
}

// confirm notes the value that was written, if there was one.
func (b *beat) confirm() {
	if !b.turn {
		return
	}
	b.term.confirm(b.write.Value)
	if b.commit != nil {
		b.commit()
	}
}
