package storetest

import (
	"context"
	"errors"
	"math/rand/v2"
	"strings"
	"sync"
	"time"

	"github.com/leasehold-go/leasehold/store"
)

var contextLaw = law{
	name: "ContextsAreObeyed",
	text: "a call returns promptly once its context ends, whatever the client underneath does; the error says whether the outcome is in doubt, and the stored record is the old or the new one, never a part",
	cases: []lawcase{
		{name: "EndedBeforeTheCall", run: func(c *trial) {
			t := c.hold("key")
			cancelled, cancel := context.WithCancel(c.Context())
			cancel()
			expired, stop := context.WithDeadline(c.Context(), time.Now().Add(-time.Hour))
			defer stop()
			for _, ctx := range []context.Context{cancelled, expired} {
				for _, v := range verbs {
					c.changesNothing(v.name+" with a context that had ended", "key", func() {
						c.wantNoAnswer(v.name+" with a context that had ended", v.call(ctx, c.Store, t))
					})
				}
				_, err := collect(c.Store.List(ctx, ""))
				c.wantNoAnswer("List with a context that had ended", err)
			}
			c.wantNone("after creates whose context had ended", "another")
		}},
		// Updates are cancelled at random moments. Each must have the outcome that its
		// error states.
		{name: "EndedDuringTheCall", run: func(c *trial) {
			old := strings.Repeat("o", 64<<10)
			for i := range 60 {
				t := c.create(store.Claim{Key: "key", Value: []byte(old), TTL: long, Nonce: store.NewNonce()})
				value := strings.Repeat("n", 64<<10)
				ctx, cancel := context.WithCancel(c.Context())
				var cancelling sync.WaitGroup
				cancelling.Go(func() {
					time.Sleep(time.Duration(i) * 20 * time.Microsecond)
					cancel()
				})
				time.Sleep(time.Duration(rand.IntN(500)) * time.Microsecond)
				err := c.Store.Update(ctx, t.update(1, value))
				cancelling.Wait()
				got := string(c.get("key").Value)
				if err != nil {
					c.wantNoAnswer("update whose context ended", err)
				}
				switch {
				case got != old && got != value:
					c.failf("an update whose context ended left %d bytes that are neither the old value nor the new one", len(got))
				case err == nil && got == old:
					c.failf("an update succeeded, and the record has the old value")
				case errors.Is(err, store.ErrUnavailable) && got == value:
					c.failf("an update failed with ErrUnavailable, and the record has the new value: %v", err)
				}
				deleteLease(c, t)
			}
		}},
		{name: "EndedWhileTheServerIsPaused", needs: []need{pause}, run: func(c *trial) {
			t := c.hold("key")
			for _, v := range verbs {
				c.wantNoAnswer(v.name+" of a paused server", c.whilePaused(v.name, func(ctx context.Context) error {
					return v.call(ctx, c.Store, t)
				}))
			}
			c.wantNoAnswer("List of a paused server", c.whilePaused("list", func(ctx context.Context) error {
				_, err := collect(c.Store.List(ctx, ""))
				return err
			}))
		}},
		{name: "ACreateInDoubtCanBeSettled", needs: []need{pause}, run: func(c *trial) {
			claim := claim("key", long)
			err := c.whilePaused("create", func(ctx context.Context) error {
				_, err := c.Store.Create(ctx, claim)
				return err
			})
			c.wantNoAnswer("create of a paused server", err)
			c.delete("key", store.ByNonce(claim.Nonce))
			for range 10 {
				c.wantNone("after the delete of a create in doubt", "key")
				time.Sleep(20 * time.Millisecond)
			}
			_, err = c.Store.Create(c.Context(), claim)
			c.want("the settled create, repeated", err, store.ErrEnded)
		}},
		{name: "ListEnds", run: func(c *trial) {
			for _, key := range keys("key/", 50) {
				c.hold(key)
			}
			ctx, cancel := context.WithCancel(c.Context())
			defer cancel()
			seen := 0
			for _, err := range c.Store.List(ctx, "") {
				if err != nil {
					c.wantNoAnswer("List whose context ended", err)
					return
				}
				if seen++; seen == 1 {
					cancel()
				}
			}
			if seen != 50 {
				c.failf("a List whose context ended yielded %d of 50 records and no error", seen)
			}
		}},
		// The watch ends while it waits for a change.
		{name: "WatchEnds", run: func(c *trial) {
			cause := errors.New("the cause")
			ctx, cancel := context.WithCancelCause(c.Context())
			w := c.watch(ctx, c.Store, "")
			c.await(w, "the records and EventSynced", func(v *view) bool { return v.synced >= 1 })
			cancel(cause)
			c.wantEnd(w, ctx)
		}},
		{name: "WatchEndsBeforeItBegins", run: func(c *trial) {
			ctx, cancel := context.WithCancel(c.Context())
			cancel()
			c.wantEnd(c.watch(ctx, c.Store, ""), ctx)
		}},
	},
}

// returnLimit is the time within which a call must return after its context has ended.
const returnLimit = time.Second

// verb is one of the five verbs that are a single call on the record of a lease.
type verb struct {
	name string
	call func(context.Context, store.Store, lease) error
}

var verbs = []verb{
	{"create", func(ctx context.Context, st store.Store, _ lease) error {
		_, err := st.Create(ctx, claim("another", long))
		return err
	}},
	{"renew", func(ctx context.Context, st store.Store, t lease) error {
		return st.Renew(ctx, []store.Renewal{t.renewalWith(7, "renewed")})[0].Err
	}},
	{"update", func(ctx context.Context, st store.Store, t lease) error {
		return st.Update(ctx, t.update(8, "updated"))
	}},
	{"get", func(ctx context.Context, st store.Store, t lease) error {
		_, err := st.Get(ctx, t.Key)
		return err
	}},
	{"delete", func(ctx context.Context, st store.Store, t lease) error {
		return st.Delete(ctx, t.Key, store.ByToken(t.Token))
	}},
}

// wantNoAnswer checks the error of a call if its context ended before an answer.
func (c *trial) wantNoAnswer(what string, err error) {
	c.Helper()
	if errors.Is(err, store.ErrInDoubt) {
		c.want(what, err, store.ErrInDoubt)
		return
	}
	c.want(what, err, store.ErrUnavailable)
}

// whilePaused makes a call while the server is paused, and checks that the call returns
// soon after its context has ended.
func (c *trial) whilePaused(what string, call func(context.Context) error) error {
	c.Helper()
	c.Pause()
	defer c.Resume()
	ctx, cancel := context.WithTimeout(c.Context(), 50*time.Millisecond)
	defer cancel()
	start := time.Now()
	err := call(ctx)
	if took := time.Since(start); took > 50*time.Millisecond+returnLimit {
		c.latef("%s with a context of 50ms returned after %v while the server was paused", what, took)
	}
	return err
}

// wantEnd checks that a watch ends soon, with the error of its context.
func (c *trial) wantEnd(w *watcher, ctx context.Context) {
	c.Helper()
	select {
	case <-w.ended:
	case <-time.After(returnLimit):
		c.latef("the watch had not ended %v after its context", returnLimit)
	}
	err := w.view.err
	switch {
	case err == nil:
		c.failf("a watch whose context ended has ended without an error")
	case !errors.Is(err, ctx.Err()) && !errors.Is(err, context.Cause(ctx)):
		c.failf("a watch whose context ended with %v has ended with %v", context.Cause(ctx), err)
	}
}
