package storetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/leasehold-go/leasehold/store"
)

var requester = need{"Store is a Requester", func(f Fixture) bool { _, ok := f.Store.(store.Requester); return ok }}

var requestLaw = law{
	name: "RequestsReachTheLiveLease",
	text: "requests reach the holder in the order in which they came, each once to each reader; each has one final answer, from the live lease alone; a store keeps neither beyond its deadline, and at most MaxRequests that wait for a key",
	cases: []lawcase{
		{name: "InOrder", needs: []need{requester}, run: func(c *trial) {
			t := c.hold("key")
			var asked []*asking
			for i := range 5 {
				asked = append(asked, c.ask(c.peer(), request("key", fmt.Sprint(i))))
				c.awaitQueued("key", i+1)
			}
			h := c.serve(c.Store, t)
			c.wantIDs("requests that came before their reader", h, "0", "1", "2", "3", "4")
			for i := 5; i < 10; i++ {
				asked = append(asked, c.ask(c.peer(), request("key", fmt.Sprint(i))))
				c.wantIDs("requests as they come", h, ids(i+1)...)
			}
			for _, a := range asked {
				c.answer(t, a.request.ID, "answer to "+a.request.ID)
				c.wantAnswer("in order", a, "answer to "+a.request.ID)
			}
			q := h.requests()[0]
			if q.Key != "key" || string(q.Body) != "body of 0" || q.TTL <= 0 || q.TTL > long {
				c.failf("the holder got the request %+v, want the body and the time left of %+v", q, asked[0].request)
			}
			c.wantIDs("after the answers", h, ids(10)...)
		}},
		{name: "BehindABusyHolder", needs: []need{requester}, run: func(c *trial) {
			const ttl = 16 * time.Second
			slack := c.caps.Precision + ttl/8
			t := c.hold("key")
			ctx, stop := context.WithTimeout(c.Context(), ttl)
			defer stop()
			c.ask(c.Store, request("key", "first"))
			var queued time.Time // when the second was in the queue
			for q, err := range c.requester().Requests(ctx, "key", t.Token) {
				switch waited := time.Since(queued); {
				case err != nil:
					c.failf("requests of a busy holder: %v", err)
				case q.ID == "first":
					second := request("key", "second")
					second.TTL = ttl
					c.dependOn("the second request", time.Now().Add(ttl))
					c.ask(c.Store, second)
					c.awaitQueued("key", 2)
					queued = time.Now()
					time.Sleep(slack + time.Second)
					continue
				case q.TTL > ttl-waited+slack:
					c.failf("a request with a TTL of %v, which waited for %v, has %v left", ttl, waited, q.TTL)
				}
				break
			}
		}},
		{name: "TwentySendersAtOnce", needs: []need{requester}, run: func(c *trial) {
			const senders, each = 20, 5
			t := c.hold("key")
			h := c.serve(c.Store, t)
			var asking sync.WaitGroup
			errs := make([]error, senders)
			for i := range senders {
				asking.Go(func() {
					for n := range each {
						st := c.Store
						if n%2 == 0 {
							st = c.peer()
						}
						q := request("key", fmt.Sprintf("%d of %d", n, i))
						a, err := st.(store.Requester).Ask(c.Context(), q)
						if err == nil && string(a.Body) != "answer to "+q.ID {
							err = fmt.Errorf("the answer to %q is %q", q.ID, a.Body)
						}
						errs[i] = errors.Join(errs[i], err)
					}
				})
			}
			for n := range senders * each {
				c.awaitRequests("of 20 senders", h, n+1)
				q := h.requests()[n]
				c.answer(t, q.ID, "answer to "+q.ID)
			}
			asking.Wait()
			if err := errors.Join(errs...); err != nil {
				c.failf("of %d requests by %d senders at once some failed: %v", senders*each, senders, err)
			}
			seen := make(map[string]bool)
			for _, q := range h.requests() {
				if seen[q.ID] {
					c.failf("the holder got %q twice", q.ID)
				}
				seen[q.ID] = true
			}
		}},
		{name: "TheBound", needs: []need{requester}, run: func(c *trial) {
			t := c.hold("key")
			for i := range store.MaxRequests {
				c.ask(c.Store, request("key", fmt.Sprint(i)))
			}
			c.awaitQueued("key", store.MaxRequests)
			_, err := c.requester().Ask(c.Context(), request("key", "one too many"))
			c.want("a request beyond the bound", err, store.ErrFull)
			c.answer(t, "7", "room")
			after := c.ask(c.Store, request("key", "after an answer"))
			h := c.serve(c.Store, t)
			c.awaitRequests("after an answer gave room", h, store.MaxRequests)
			if q := h.requests()[store.MaxRequests-1]; q.ID != "after an answer" {
				c.failf("the last request is %q, want the one that came after an answer gave room", q.ID)
			}
			c.answer(t, "after an answer", "done")
			c.wantAnswer("after an answer gave room", after, "done")
		}},
		{name: "ExpiredRequestsGiveRoom", needs: []need{requester}, run: func(c *trial) {
			t := c.hold("key")
			var asked []*asking
			for i := range store.MaxRequests {
				q := request("key", fmt.Sprint(i))
				q.TTL = c.brief()
				asked = append(asked, c.ask(c.Store, q))
			}
			for _, a := range asked {
				c.wantExpired(a)
			}
			a := c.ask(c.Store, request("key", "later"))
			h := c.serve(c.Store, t)
			c.wantIDs("after all others expired", h, "later")
			c.answer(t, "later", "done")
			c.wantAnswer("after all others expired", a, "done")
		}},
		{name: "NobodyListens", needs: []need{requester}, run: func(c *trial) {
			_, err := c.requester().Ask(c.Context(), request("key", "1"))
			c.want("a request without a record", err, store.ErrNotFound)
			t := c.hold("key")
			c.delete("key", store.ByToken(t.Token))
			_, err = c.requester().Ask(c.Context(), request("key", "1"))
			c.want("a request after a delete", err, store.ErrNotFound)
			short := c.holdShort("key")
			c.expire(short)
			_, err = c.requester().Ask(c.Context(), request("key", "1"))
			c.want("a request after an expiry", err, store.ErrNotFound)
		}},
		{name: "ForAnotherLease", needs: []need{requester}, run: func(c *trial) {
			old := c.hold("key")
			c.delete("key", store.ByToken(old.Token))
			t := c.hold("key")
			q := request("key", "1")
			q.Token = old.Token
			_, err := c.requester().Ask(c.Context(), q)
			c.want("a request for a lease that has ended", err, store.ErrLost)
			q.Token = t.Token
			a := c.ask(c.Store, q)
			h := c.serve(c.Store, t)
			c.wantIDs("a request for this lease", h, "1")
			if got := h.requests()[0].Token; got != t.Token {
				c.failf("the holder got a request for token %d, want %d", got, t.Token)
			}
			c.answer(t, "1", "done")
			c.wantAnswer("for this lease", a, "done")
		}},
		{name: "ASuccessor", needs: []need{requester}, run: func(c *trial) {
			old := c.hold("key")
			named := request("key", "for the old lease")
			named.Token = old.Token
			c.ask(c.Store, named)
			c.awaitQueued("key", 1)
			a := c.ask(c.Store, request("key", "for any lease"))
			c.awaitQueued("key", 2)
			h := c.serve(c.Store, old)
			c.wantIDs("of the old lease", h, "for the old lease", "for any lease")
			c.delete("key", store.ByToken(old.Token))
			c.wantServed("requests of a deleted lease", h, store.ErrLost)
			t := c.hold("key")
			err := c.requester().Answer(c.Context(), "key", old.Token, answerTo("for any lease", "too late"))
			c.want("an answer by an ended lease", err, store.ErrLost)
			h = c.serve(c.peer(), t)
			c.wantIDs("of the successor", h, "for any lease")
			c.answer(t, "for any lease", "from the successor")
			c.wantAnswer("across a change of holder", a, "from the successor")
			c.ask(c.Store, request("key", "last"))
			c.wantIDs("of the successor", h, "for any lease", "last")
		}},
		{name: "RequestsEndWithTheLease", needs: []need{requester}, run: func(c *trial) {
			t := c.hold("key")
			c.wantServed("requests with another token", c.serve(c.Store, lease{Claim: t.Claim, Grant: store.Grant{Token: t.Token + 1}}), store.ErrLost)
			short := c.holdShort("short")
			h := c.serve(c.Store, short)
			c.expire(short)
			c.wantServed("requests of an expired lease", h, store.ErrLost)
		}},
		{name: "ARenewedLeaseGoesOn", needs: []need{requester}, run: func(c *trial) {
			t := c.holdShort("key")
			h := c.serve(c.Store, t)
			for range 6 {
				time.Sleep(c.ttl / 3)
				c.heartbeat(&t)
			}
			c.ask(c.peer(), request("key", "1"))
			c.wantIDs("after two times the TTL", h, "1")
		}},
		{name: "TheSameIDAgain", needs: []need{requester}, run: func(c *trial) {
			t := c.hold("key")
			h := c.serve(c.Store, t)
			one, two := c.ask(c.Store, request("key", "1")), c.ask(c.peer(), request("key", "1"))
			c.wantIDs("an id asked twice", h, "1")
			c.answer(t, "1", "once")
			c.wantAnswer("the first of an id", one, "once")
			c.wantAnswer("the second of an id", two, "once")
			c.wantAnswer("an id that was answered", c.ask(c.peer(), request("key", "1")), "once")
			c.delete("key", store.ByToken(t.Token))
			c.wantAnswer("an id that was answered, after the lease", c.ask(c.Store, request("key", "1")), "once")
			next := c.hold("key")
			h = c.serve(c.Store, next)
			c.ask(c.Store, request("key", "2"))
			c.wantIDs("of the next lease", h, "2")
		}},
		{name: "AnAnswerStands", needs: []need{requester}, run: func(c *trial) {
			t := c.hold("key")
			a := c.ask(c.Store, request("key", "1"))
			c.awaitQueued("key", 1)
			for _, body := range []string{"the first", "the first", "another"} {
				c.answer(t, "1", body)
			}
			early := answerTo("1", "not final")
			early.Final = false
			if err := c.requester().Answer(c.Context(), "key", t.Token, early); err != nil {
				c.failf("an answer after the final one: %v", err)
			}
			c.wantAnswer("answered four times", a, "the first")
			c.wantAnswer("answered four times, later", c.ask(c.Store, request("key", "1")), "the first")
		}},
		{name: "AnAnswerThatIsNotFinal", needs: []need{requester}, run: func(c *trial) {
			t := c.hold("key")
			q := request("key", "1")
			a := c.ask(c.Store, q)
			c.awaitQueued("key", 1)
			early := answerTo("1", "under way")
			early.Final = false
			if err := c.requester().Answer(c.Context(), "key", t.Token, early); err != nil {
				c.failf("an answer that is not final: %v", err)
			}
			h := c.serve(c.Store, t)
			c.ask(c.Store, request("key", "2"))
			c.wantIDs("after an answer that is not final", h, "2")
			select {
			case <-a.done:
				c.failf("Ask returned %q, %v after an answer that is not final", a.answer.Body, a.err)
			default:
			}
			c.answer(t, "1", "done")
			c.wantAnswer("after the final answer", a, "done")
		}},
		{name: "AnAnswerThatIsNotFinalStands", needs: []need{requester}, run: func(c *trial) {
			t := c.hold("key")
			early := answerTo("1", "under way")
			early.Final = false
			a := c.askBriefly(t, early)
			q := a.request
			c.delete("key", store.ByToken(t.Token))
			got := c.wantAnswer("at the deadline", a, "under way")
			if got.Final {
				c.failf("the answer that is not final came as a final one")
			}
			c.wantAnswer("after the deadline", c.ask(c.Store, q), "under way")
			t = c.hold("key")
			c.answer(t, "1", "done late")
			c.wantAnswer("a final answer after the deadline, to an id with an earlier one", c.ask(c.Store, q), "done late")
		}},
		{name: "AnExpiredRequest", needs: []need{requester}, run: func(c *trial) {
			t := c.hold("key")
			q := request("key", "1")
			q.TTL = c.brief()
			c.wantExpired(c.ask(c.Store, q))
			c.sleepPrecision()
			err := c.requester().Answer(c.Context(), "key", t.Token, answerTo("1", "late"))
			c.want("an answer after the deadline", err, store.ErrExpired)
			c.changesNothing("an update with an answer after the deadline", "key", func() {
				a := answerTo("1", "late")
				err := c.requester().UpdateWith(c.Context(), t.update(1, "late"), store.Addition{Answer: &a})
				c.want("an update with an answer after the deadline", err, store.ErrExpired)
			})
			h := c.serve(c.Store, t)
			c.ask(c.Store, request("key", "2"))
			c.wantIDs("after an expiry", h, "2")
			again := c.ask(c.Store, request("key", "1"))
			c.wantIDs("an expired id asked again", h, "2", "1")
			c.update(t.update(1, "second"))
			c.answer(t, "1", "done")
			c.wantAnswer("an expired id asked again", again, "done")
		}},
		{name: "AnAnswerIsKeptForItsTTL", needs: []need{requester}, run: func(c *trial) {
			t := c.hold("key")
			a := answerTo("1", "kept")
			a.TTL = 3 * c.brief()
			first := c.askBriefly(t, a)
			q := first.request
			c.dependOn("the answer", time.Now().Add(a.TTL))
			c.wantAnswer("at once", first, "kept")
			time.Sleep(3 * c.brief() / 2)
			c.wantAnswer("beyond the deadline of the request", c.ask(c.Store, q), "kept")
			delete(c.needed, "the answer")
			time.Sleep(3*c.brief()/2 + time.Nanosecond)
			c.sleepPrecision()
			h := c.serve(c.Store, t)
			c.ask(c.Store, q)
			c.wantIDs("an id beyond the TTL of its answer", h, "1")
		}},
		{name: "AnAnswerOutlivesTheLongestRequest", needs: []need{requester}, run: func(c *trial) {
			t := c.hold("key")
			q := request("key", "1")
			q.TTL = store.MaxRequestTTL
			asked := c.ask(c.Store, q)
			c.awaitQueued("key", 1)
			a := answerTo("1", "kept")
			a.TTL = store.MaxAnswerTTL + 1
			c.want("an answer that is kept for too long", c.requester().Answer(c.Context(), "key", t.Token, a), store.ErrInvalid)
			a.TTL = store.MaxAnswerTTL
			c.want("an answer that is kept for MaxAnswerTTL", c.requester().Answer(c.Context(), "key", t.Token, a), nil)
			c.wantAnswer("of the longest request", asked, "kept")
			c.wantAnswer("of the longest request, again", c.ask(c.peer(), q), "kept")
			q.TTL++
			_, err := c.requester().Ask(c.Context(), q)
			c.want("a request that is too long", err, store.ErrInvalid)
		}},
		{name: "AnUpdateWithAnAnswer", needs: []need{requester}, run: func(c *trial) {
			t := c.hold("key")
			one, two := c.ask(c.Store, request("key", "1")), c.ask(c.Store, request("key", "2"))
			c.awaitQueued("key", 2)
			a := answerTo("1", "done")
			with := store.Addition{Answer: &a}
			for range 2 { // the second is the same write, repeated
				if err := c.requester().UpdateWith(c.Context(), t.update(1, "second"), with); err != nil {
					c.failf("an update with an answer: %v", err)
				}
			}
			c.wantRecord("after an update with an answer", "key", "second", t.Token)
			c.wantAnswer("by an update", one, "done")
			other := answerTo("1", "done again")
			c.want("an update with an answer to an answered request", c.requester().UpdateWith(c.Context(), t.update(2, "never"), store.Addition{Answer: &other}), store.ErrStale)
			c.wantRecord("after an update with an answer to an answered request", "key", "second", t.Token)
			c.wantAnswer("after a second update", c.ask(c.Store, request("key", "1")), "done")

			b := answerTo("2", "stale")
			with = store.Addition{Answer: &b}
			stale, never := t.update(2, "third"), t
			c.update(t.update(3, "fourth"))
			c.want("a late update with an answer", c.requester().UpdateWith(c.Context(), stale, with), store.ErrStale)
			never.Token++
			c.want("an update with an answer by no lease", c.requester().UpdateWith(c.Context(), never.update(4, "fifth"), with), store.ErrLost)
			c.wantRecord("after refused updates", "key", "fourth", t.Token)
			select {
			case <-two.done:
				c.failf("a refused update has answered its request: %q, %v", two.answer.Body, two.err)
			default:
			}
			unknown := answerTo("3", "nobody asked")
			c.want("an update with an answer to no request", c.requester().UpdateWith(c.Context(), t.update(4, "fifth"), store.Addition{Answer: &unknown}), store.ErrExpired)
			c.wantRecord("after an update with an answer to no request", "key", "fourth", t.Token)
			if err := c.requester().UpdateWith(c.Context(), t.update(4, "fifth"), store.Addition{}); err != nil {
				c.failf("an update with an empty addition: %v", err)
			}
			c.wantRecord("after an update with an empty addition", "key", "fifth", t.Token)
			c.answer(t, "2", "done")
			c.wantAnswer("after refused updates", two, "done")
		}},
		{name: "AStaleTokenCannotAnswer", needs: []need{requester}, run: func(c *trial) {
			old := c.holdShort("key")
			q := request("key", "1")
			q.TTL = 2*c.ttl + time.Minute
			a := c.ask(c.Store, q)
			c.awaitQueued("key", 1)
			c.expire(old)
			c.want("an answer by an expired lease", c.requester().Answer(c.Context(), "key", old.Token, answerTo("1", "late")), store.ErrLost)
			t := c.hold("key")
			late := answerTo("1", "late")
			c.want("an answer beside a successor", c.requester().Answer(c.Context(), "key", old.Token, late), store.ErrLost)
			c.want("an update with an answer beside a successor", c.requester().UpdateWith(c.Context(), old.update(1, "late"), store.Addition{Answer: &late}), store.ErrLost)
			c.answer(t, "1", "from the successor")
			c.wantAnswer("of a successor", a, "from the successor")
		}},
		{name: "RecordsAreNotDisturbed", needs: []need{requester}, run: func(c *trial) {
			t := c.hold("key")
			before := c.list("")
			w := c.watch(c.Context(), c.peer(), "")
			c.await(w, "the records and EventSynced", func(v *view) bool { return v.synced >= 1 })
			one := c.watchKey(c.peer(), "key")
			c.changesNothing("a request and its answer", "key", func() {
				a := c.ask(c.Store, request("key", "1"))
				c.awaitQueued("key", 1)
				c.answer(t, "1", "done")
				c.wantAnswer("a request", a, "done")
			})
			if after := c.list(""); len(after) != len(before) {
				c.failf("after a request List yields %d records, want %d", len(after), len(before))
			}
			c.update(t.update(1, "second"))
			for _, w := range []*watcher{w, one} {
				c.await(w, "an update after a request", hasRecord(t, "second"))
				w.inspect(func(v *view) {
					if puts := slices.IndexFunc(v.events[1:], func(e store.Event) bool { return e.Kind != store.EventSynced && string(e.Record.Value) != "second" }); puts >= 0 {
						c.failf("a request and its answer made a watch yield %s", lastEvents(v.events))
					}
				})
			}
			c.delete("key", store.ByToken(t.Token))
			c.wantNone("after a delete of a key with requests", "key")
			c.hold("key")
		}},
		{name: "KeysAndIDsOfAllKinds", needs: []need{requester}, run: func(c *trial) {
			odd := []string{"1", "a:1", "1:a", "{x}", "\x00", "é世🦊", strings.Repeat("i", store.MaxRequestID), "*", "/", " "}
			for _, key := range append(slices.Clone(oddKeys), "key", "key:1", "key\x001") {
				t := c.hold(key)
				h := c.serve(c.Store, t)
				for i, id := range odd {
					a := c.ask(c.peer(), request(key, id))
					c.wantIDs(fmt.Sprintf("of the key %q", key), h, odd[:i+1]...)
					c.answer(t, id, "to "+id+" of "+key)
					c.wantAnswer(fmt.Sprintf("to %q of the key %q", id, key), a, "to "+id+" of "+key)
				}
			}
		}},
		{name: "BodiesOfAllSizes", needs: []need{requester}, run: func(c *trial) {
			t := c.hold("key")
			h := c.serve(c.Store, t)
			for i, body := range []string{"\x00", "\xff\r\n", strings.Repeat("b", store.MaxRequest)} {
				q := request("key", fmt.Sprint(i))
				q.Body = []byte(body)
				a := c.ask(c.Store, q)
				c.awaitRequests("of any size", h, i+1)
				if got := h.requests()[i]; string(got.Body) != body {
					c.failf("a body of %d bytes came as one of %d", len(body), len(got.Body))
				}
				c.answer(t, q.ID, body)
				c.wantAnswer("of any size", a, body)
			}
		}},
		{name: "ContextsEnd", needs: []need{requester}, run: func(c *trial) {
			t := c.hold("key")
			ended, end := context.WithCancel(c.Context())
			end()
			_, err := c.requester().Ask(ended, request("key", "1"))
			c.wantNoAnswer("Ask with a context that had ended", err)
			c.wantNoAnswer("Answer with a context that had ended", c.requester().Answer(ended, "key", t.Token, answerTo("1", "no")))

			cause := errors.New("the cause")
			ctx, cancel := context.WithCancelCause(c.Context())
			a := c.askWith(ctx, c.Store, request("key", "2"))
			c.awaitQueued("key", 1)
			h := c.serveWith(ctx, c.Store, t)
			c.wantIDs("before the context ends", h, "2")
			cancel(cause)
			select {
			case <-a.done:
			case <-time.After(returnLimit):
				c.latef("Ask had not returned %v after its context", returnLimit)
			}
			c.want("Ask whose context ended while it waited", a.err, store.ErrInDoubt)
			select {
			case <-h.ended:
			case <-time.After(returnLimit):
				c.latef("Requests had not ended %v after its context", returnLimit)
			}
			if !errors.Is(h.err, cause) {
				c.failf("Requests whose context ended has ended with %v, want the context's cause", h.err)
			}
			c.wantIDs("a request whose sender left", c.serve(c.Store, t), "2")
			c.answer(t, "2", "done")
			c.wantAnswer("asked again", c.ask(c.Store, request("key", "2")), "done")
		}},
		{name: "InvalidArgumentsAreRefused", needs: []need{requester}, run: func(c *trial) {
			t := c.hold("key")
			for what, spoil := range map[string]func(*store.Request, *store.Answer){
				"key":     func(q *store.Request, _ *store.Answer) { q.Key = "" },
				"id":      func(q *store.Request, a *store.Answer) { q.ID, a.ID = "", strings.Repeat("i", store.MaxRequestID+1) },
				"utf-8":   func(q *store.Request, a *store.Answer) { q.ID, a.ID = "\xff", "\xff" },
				"no body": func(q *store.Request, a *store.Answer) { q.Body, a.Body = nil, nil },
				"body": func(q *store.Request, a *store.Answer) {
					q.Body, a.Body = make([]byte, store.MaxRequest+1), make([]byte, store.MaxRequest+1)
				},
				"short ttl": func(q *store.Request, a *store.Answer) { q.TTL, a.TTL = time.Millisecond, 0 },
				"long ttl":  func(q *store.Request, a *store.Answer) { q.TTL, a.TTL = 2*store.MaxRequestTTL, 2*store.MaxRequestTTL },
			} {
				q, a := request("key", "1"), answerTo("1", "answer")
				spoil(&q, &a)
				_, err := c.requester().Ask(c.Context(), q)
				c.want("Ask with an invalid "+what, err, store.ErrInvalid)
				if what == "key" {
					c.want("Answer with an invalid "+what, c.requester().Answer(c.Context(), "", t.Token, a), store.ErrInvalid)
					continue
				}
				c.want("Answer with an invalid "+what, c.requester().Answer(c.Context(), "key", t.Token, a), store.ErrInvalid)
				c.want("UpdateWith with an invalid "+what, c.requester().UpdateWith(c.Context(), t.update(1, "x"), store.Addition{Answer: &a}), store.ErrInvalid)
			}
			c.want("Answer without a token", c.requester().Answer(c.Context(), "key", 0, answerTo("1", "answer")), store.ErrInvalid)
			c.wantServed("requests without a token", c.serve(c.Store, lease{Claim: t.Claim}), store.ErrInvalid)
			c.wantRecord("after refused calls", "key", "first", t.Token)
		}},
		{name: "AcrossACut", needs: []need{requester, cut}, run: requestsAcross(func(c *trial) { c.Cut() })},
		{name: "AcrossRestart", needs: []need{requester, restart}, run: requestsAcross(func(c *trial) { c.Restart() })},
		{name: "AClosedStore", needs: []need{requester, closer}, run: func(c *trial) {
			t := c.hold("key")
			a := c.ask(c.Store, request("key", "1"))
			h := c.serve(c.Store, t)
			c.wantIDs("before Close", h, "1")
			c.close()
			c.wantServed("requests of a closed store", h, store.ErrClosed)
			select {
			case <-a.done:
			case <-time.After(c.timeout()):
				c.failf("Ask had not returned %v after its store was closed", c.timeout())
			}
			if !errors.Is(a.err, store.ErrClosed) && !errors.Is(a.err, store.ErrInDoubt) {
				c.failf("Ask whose store was closed returned %v", a.err)
			}
			_, err := c.requester().Ask(c.Context(), request("key", "2"))
			c.want("Ask of a closed store", err, store.ErrClosed)
			c.want("Answer of a closed store", c.requester().Answer(c.Context(), "key", t.Token, answerTo("1", "x")), store.ErrClosed)
		}},
	},
}

// requestsAcross returns a case: a waiting request and its reader survive a fault of the
// server.
func requestsAcross(trouble func(*trial)) func(*trial) {
	return func(c *trial) {
		t := c.hold("key")
		h := c.serve(c.peer(), t)
		before := c.ask(c.Store, request("key", "before"))
		c.wantIDs("before the fault", h, "before")
		trouble(c)
		c.awaitServer()
		after := c.ask(c.Store, request("key", "after"))
		c.wantIDs("after the fault", h, "before", "after")
		c.answer(t, "before", "done")
		c.answer(t, "after", "done too")
		c.wantAnswer("asked before the fault", before, "done")
		c.wantAnswer("asked after the fault", after, "done too")
	}
}

// brief is the TTL of requests that expire within a case.
func (c *trial) brief() time.Duration { return max(store.MinRequestTTL, min(c.ttl, 8*time.Second)) }

// askBriefly asks the holder with a request that soon expires, and stores an answer before.
func (c *trial) askBriefly(t lease, answer store.Answer) *asking {
	c.Helper()
	q := request(t.Key, answer.ID)
	q.TTL = c.brief()
	c.dependOn("the request", time.Now().Add(q.TTL))
	a := c.ask(c.Store, q)
	c.awaitQueued(t.Key, 1)
	if err := c.requester().Answer(c.Context(), t.Key, t.Token, answer); err != nil {
		c.failf("an answer to a request that waits: %v", err)
	}
	delete(c.needed, "the request")
	return a
}

// sleepPrecision waits until whatever has expired is gone from the store.
func (c *trial) sleepPrecision() { time.Sleep(c.caps.Precision) }

func (c *trial) requester() store.Requester { return c.Store.(store.Requester) }

func request(key, id string) store.Request {
	return store.Request{Key: key, ID: id, Body: []byte("body of " + id), TTL: long}
}

func answerTo(id, body string) store.Answer {
	return store.Answer{ID: id, Body: []byte(body), TTL: long, Final: true}
}

func ids(n int) (all []string) {
	for i := range n {
		all = append(all, fmt.Sprint(i))
	}
	return all
}

// asking is a goroutine that waits for an answer.
type asking struct {
	request store.Request
	done    chan struct{} // closed by the goroutine; the others are set by then
	answer  store.Answer
	err     error
}

func (c *trial) ask(st store.Store, q store.Request) *asking { return c.askWith(c.Context(), st, q) }

func (c *trial) askWith(ctx context.Context, st store.Store, q store.Request) *asking {
	a := &asking{request: q, done: make(chan struct{})}
	go func() {
		defer close(a.done)
		a.answer, a.err = st.(store.Requester).Ask(ctx, q)
	}()
	return a
}

// wantAnswer waits until Ask has returned, and checks that it returned an answer.
func (c *trial) wantAnswer(what string, a *asking, body string) store.Answer {
	c.Helper()
	select {
	case <-a.done:
	case <-time.After(a.request.TTL + c.caps.Precision + c.timeout()):
		c.failf("Ask %s has not returned", what)
	}
	if a.err != nil || string(a.answer.Body) != body || a.answer.ID != a.request.ID {
		c.failf("Ask %s returned %.64q for the id %q and %v, want %.64q for %q", what, a.answer.Body, a.answer.ID, a.err, body, a.request.ID)
	}
	return a.answer
}

// wantExpired waits until Ask has returned, and checks that it did so at the deadline.
func (c *trial) wantExpired(a *asking) {
	c.Helper()
	select {
	case <-a.done:
		c.want("a request without an answer", a.err, store.ErrExpired)
	case <-time.After(a.request.TTL + c.caps.Precision + c.timeout()):
		c.failf("Ask has not returned after the deadline of its request")
	}
}

func (c *trial) answer(t lease, id, body string) {
	c.Helper()
	if err := c.requester().Answer(c.Context(), t.Key, t.Token, answerTo(id, body)); err != nil {
		c.failf("answer to %q by the live lease: %v", id, err)
	}
}

// served is a goroutine that reads requests.
type served struct {
	ended chan struct{} // closed by the goroutine; err is set by then
	err   error
	mu    sync.Mutex
	got   []store.Request
}

func (s *served) requests() []store.Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.got)
}

func (c *trial) serve(st store.Store, t lease) *served { return c.serveWith(c.Context(), st, t) }

func (c *trial) serveWith(ctx context.Context, st store.Store, t lease) *served {
	s := &served{ended: make(chan struct{})}
	go func() {
		defer close(s.ended)
		for q, err := range st.(store.Requester).Requests(ctx, t.Key, t.Token) {
			if err != nil {
				s.err = err
				continue
			}
			s.mu.Lock()
			s.got = append(s.got, q)
			s.mu.Unlock()
		}
	}()
	return s
}

func (c *trial) awaitRequests(what string, s *served, n int) {
	c.Helper()
	if !eventually(c.timeout(), func() bool { return len(s.requests()) >= n }) {
		c.failf("%s: the holder got %d requests, want %d", what, len(s.requests()), n)
	}
}

// wantIDs waits until so many requests were read, and checks which they are.
func (c *trial) wantIDs(what string, s *served, want ...string) {
	c.Helper()
	c.awaitRequests(what, s, len(want))
	var got []string
	for _, q := range s.requests() {
		got = append(got, q.ID)
	}
	if !slices.Equal(got, want) {
		c.failf("%s: the holder got the requests %q, want %q", what, got, want)
	}
}

// wantServed waits until a reader of requests has ended, and checks its error.
func (c *trial) wantServed(what string, s *served, condition error) {
	c.Helper()
	select {
	case <-s.ended:
		c.want(what, s.err, condition)
	case <-time.After(c.ttl + c.caps.Precision + c.timeout()):
		c.failf("%s: the reader has not ended", what)
	}
}

// awaitQueued waits until so many requests wait for the holder of a key.
func (c *trial) awaitQueued(key string, n int) {
	c.Helper()
	ctx, stop := context.WithTimeout(c.Context(), c.timeout())
	defer stop()
	read := 0
	for _, err := range c.requester().Requests(ctx, key, c.get(key).Token) {
		if err != nil {
			c.failf("%d requests wait, want %d: %v", read, n, err)
		}
		if read++; read == n {
			return
		}
	}
}
