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
	text: "a cancelled context returns promptly, whatever the client underneath does; the error says when the outcome is in doubt, and what was written is the old record or the new one, never half",
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
						c.wantAway(v.name+" with a context that had ended", v.call(ctx, c.Store, t))
					})
				}
				_, err := collect(c.Store.List(ctx, ""))
				c.wantAway("list with a context that had ended", err)
			}
			c.wantNone("after creates whose context had ended", "another")
		}},
		// endedDuring cancels updates at any moment and compares what they say with what
		// they did.
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
				c.wantOldOrNew(err, "key", old, value)
				removeTerm(c, t)
			}
		}},
		{name: "EndedWhileTheServerIsSilent", needs: []need{pause}, run: func(c *trial) {
			t := c.hold("key")
			for _, v := range verbs {
				c.wantAway(v.name+" of a silent server", c.inSilence(v.name, func(ctx context.Context) error {
					return v.call(ctx, c.Store, t)
				}))
			}
			c.wantAway("list of a silent server", c.inSilence("list", func(ctx context.Context) error {
				_, err := collect(c.Store.List(ctx, ""))
				return err
			}))
		}},
		{name: "ACreateInDoubtCanBeSettled", needs: []need{pause}, run: func(c *trial) {
			claim := claim("key", long)
			err := c.inSilence("create", func(ctx context.Context) error {
				_, err := c.Store.Create(ctx, claim)
				return err
			})
			c.wantAway("create of a silent server", err)
			c.remove("key", store.ByNonce(claim.Nonce))
			for range 10 {
				c.wantNone("after the delete of a create in doubt", "key")
				time.Sleep(20 * time.Millisecond)
			}
			_, err = c.Store.Create(c.Context(), claim)
			c.want("the create that was settled, come again", err, store.ErrEnded)
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
					c.wantAway("list whose context ended", err)
					return
				}
				if seen++; seen == 1 {
					cancel()
				}
			}
			if seen != 50 {
				c.broke("a list whose context ended yields %d of 50 records and no error", seen)
			}
		}},
		// watchEnds lets a watch end that is waiting for something to happen.
		{name: "WatchEnds", run: func(c *trial) {
			cause := errors.New("the cause")
			ctx, cancel := context.WithCancelCause(c.Context())
			w := c.watch(ctx, c.Store, "")
			c.await(w, "tells what is there", func(v *view) bool { return v.synced == 1 })
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

// prompt is how soon after the end of its context a call has to be back.
const prompt = time.Second

// verb is one of the five that are a single call, on the record of a term.
type verb struct {
	name string
	call func(context.Context, store.Store, term) error
}

var verbs = []verb{
	{"create", func(ctx context.Context, st store.Store, _ term) error {
		_, err := st.Create(ctx, claim("another", long))
		return err
	}},
	{"renew", func(ctx context.Context, st store.Store, t term) error {
		return st.Renew(ctx, []store.Renewal{t.write(7, "renewed")})[0].Err
	}},
	{"update", func(ctx context.Context, st store.Store, t term) error {
		return st.Update(ctx, t.update(8, "updated"))
	}},
	{"get", func(ctx context.Context, st store.Store, t term) error {
		_, err := st.Get(ctx, t.Key)
		return err
	}},
	{"delete", func(ctx context.Context, st store.Store, t term) error {
		return st.Delete(ctx, t.Key, store.ByToken(t.Token))
	}},
}

// wantAway checks the error of a call that got no answer.
func (c *trial) wantAway(what string, err error) {
	c.Helper()
	if errors.Is(err, store.ErrInDoubt) {
		c.want(what, err, store.ErrInDoubt)
		return
	}
	c.want(what, err, store.ErrUnavailable)
}

// wantOldOrNew checks what is under key against what the write of a value said.
func (c *trial) wantOldOrNew(err error, key, old, value string) {
	c.Helper()
	got := string(c.get(key).Value)
	if err != nil {
		c.wantAway("update whose context ended", err)
	}
	switch {
	case got != old && got != value:
		c.broke("an update whose context ended left half of it: %d bytes", len(got))
	case err == nil && got == old:
		c.broke("an update was confirmed and did not happen")
	case errors.Is(err, store.ErrUnavailable) && got == value:
		c.broke("an update was said not to have happened, and did: %v", err)
	}
}

// inSilence makes a call while the server does not answer, and checks that it is
// back soon after its context has ended.
func (c *trial) inSilence(what string, call func(context.Context) error) error {
	c.Helper()
	c.Pause()
	defer c.Resume()
	ctx, cancel := context.WithTimeout(c.Context(), 50*time.Millisecond)
	defer cancel()
	start := time.Now()
	err := call(ctx)
	if took := time.Since(start); took > 50*time.Millisecond+prompt {
		c.late("%s with a context of 50ms took %v while the server was silent", what, took)
	}
	return err
}

// wantEnd checks that a watch ends soon, as its context did.
func (c *trial) wantEnd(w *watcher, ctx context.Context) {
	c.Helper()
	select {
	case <-w.ended:
	case <-time.After(prompt):
		c.late("a watch goes on %v after the end of its context", prompt)
	}
	err := w.view.err
	switch {
	case err == nil:
		c.broke("a watch whose context ended ends without an error")
	case !errors.Is(err, ctx.Err()) && !errors.Is(err, context.Cause(ctx)):
		c.broke("a watch whose context ended with %v ends with %v", context.Cause(ctx), err)
	}
}
