package lease

import (
	"context"
	"math/rand/v2"
	"time"
)

// backoff spaces repeated tries. Each pause is twice as long as the one before, up to most,
// and is shortened at random by up to a half, so that a fleet does not try in step.
type backoff struct {
	first, most time.Duration
	tries       int
}

// newBackoff suits a heartbeat: several tries fit into one interval, however long
// the trouble lasts.
func newBackoff(heartbeat time.Duration) backoff {
	const least, most = 10 * time.Millisecond, time.Second
	first := min(max(heartbeat/16, least), most)
	return backoff{first: first, most: max(heartbeat/4, first)}
}

// next returns the pause before the next try.
func (b *backoff) next() time.Duration {
	d := b.most
	if shifted := b.first << min(b.tries, 16); shifted < b.most {
		d = shifted
	}
	b.tries++
	return d - rand.N(d/2+1)
}

// sleep pauses before the next try, or returns false once ctx has ended or stop is closed.
func (b *backoff) sleep(ctx context.Context, stop <-chan struct{}) bool {
	timer := time.NewTimer(b.next())
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-stop:
		return false
	case <-timer.C:
		return true
	}
}
