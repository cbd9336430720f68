package page_test

import (
	"errors"
	"maps"
	"strings"
	"testing"

	"github.com/leasehold-go/leasehold/store"
)

func TestRowsFollowTheStore(t *testing.T) {
	w := inMemory(t)
	before := w.instance("job:1")
	s := serve(t, w.store, nil)
	c := s.open()
	c.awaitState("job:1", "idle")
	c.await("its whole row", func(c *client) bool {
		r := c.rows["job:1"]
		return c.current.Current && r.Kind == "instance" && r.Name == "one" && r.Host == "host-a" && r.Requests && r.Token != "" && r.TTL > 0 &&
			r.Fields["feed"] == "trades" && r.Fields["load"] == "1.5" && len(r.Fields) == 2 && !r.Since.IsZero() && !r.Started.IsZero()
	})
	if err := before.TransitionWithCause(t.Context(), "active", "the feed is up"); err != nil {
		t.Fatal(err)
	}
	c.awaitState("job:1", "active")
	after := w.instance("job:2")
	c.awaitState("job:2", "idle")
	if err := after.RecordError(t.Context(), errors.New("the feed is slow")); err != nil {
		t.Fatal(err)
	}
	c.await("its error", func(c *client) bool { return c.rows["job:2"].LastError == "the feed is slow" })
	if err := after.Deregister(t.Context()); err != nil {
		t.Fatal(err)
	}
	c.await("its end", func(c *client) bool { g := c.rows["job:2"].Gone; return g != nil && !g.At.IsZero() })

	c.await("the reason in its log", func(c *client) bool { return c.rows["job:2"].Gone.Why == "left" })

	// Another client begins with the same, with what has gone too.
	other := s.open()
	other.await("the same rows", func(o *client) bool {
		return o.loaded > 0 && len(o.rows) == 2 && o.rows["job:2"].Gone != nil && o.rows["job:1"].State == "active" && o.hello.Instances == 1
	})
	for _, c := range []*client{c, other} {
		c.await("the feed", func(c *client) bool {
			var kinds []string
			for _, i := range c.items {
				if i.Key == "job:2" {
					kinds = append(kinds, i.Kind)
				}
			}
			return len(kinds) == 3 && kinds[0] == "registered" && kinds[1] == "error" && kinds[2] == "gone" && c.items[len(c.items)-1].Why == "left"
		})
		c.await("the transition in the feed", func(c *client) bool {
			for _, i := range c.items {
				if i.Key == "job:1" && i.Kind == "transition" && i.From == "idle" && i.To == "active" && i.Cause == "the feed is up" {
					return true
				}
			}
			return false
		})
	}

	// A release by force is no leave, and its key has another instance soon.
	if err := w.store.Delete(t.Context(), "job:1", store.ByToken(before.Lease().Token())); err != nil {
		t.Fatal(err)
	}
	c.await("its end by force", func(c *client) bool {
		g := c.rows["job:1"].Gone
		return g != nil && g.Why == "deleted" && c.items[len(c.items)-1].Why == "deleted"
	})
	w.instance("job:1")
	c.awaitState("job:1", "idle")
	s.stop()
	c.await("the end of the stream", func(c *client) bool { return c.said && c.ended })
}

// A view of one instance reads it again when its row comes.
func TestARowComesForEachChangeOfAPayload(t *testing.T) {
	w := inMemory(t)
	i := w.instance("job:1")
	s := serve(t, w.store, nil)
	c := s.open()
	c.awaitState("job:1", "idle")
	long := strings.Repeat("trades ", 100)
	for what, change := range map[string]func(*payload){
		"a scalar":               func(p *payload) { p.Load++ },
		"a list":                 func(p *payload) { p.Inner = append(p.Inner, len(p.Inner)) },
		"the end of a long text": func(p *payload) { long += "s"; p.Feed = long },
	} {
		for range 2 {
			var before row
			c.await("a row", func(c *client) bool { before = c.rows["job:1"]; return true })
			if err := i.Update(t.Context(), change); err != nil {
				t.Fatal(err)
			}
			c.await("a row after a change of "+what, func(c *client) bool {
				now := c.rows["job:1"]
				return now.Rest != before.Rest || !maps.Equal(now.Fields, before.Fields)
			})
		}
	}
}
