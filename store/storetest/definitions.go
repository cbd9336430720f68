package storetest

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/leasehold-go/leasehold/store"
)

var definer = need{"Store is a Definer", func(f Fixture) bool { _, ok := store.DefinerOf(f.Store); return ok }}

var definitionLaw = law{
	name: "DefinitionsStayForTheirTTL",
	text: "a definition is under the id of its content, for half of the TTL of each put at least and as long as the longest at most, and in no list or watch of records",
	cases: []lawcase{
		{name: "IsRead", needs: []need{definer}, run: func(c *trial) {
			for what, value := range map[string]string{
				"short": "d", "bytes": "\x00\xff{}\r\n\"", "longest": strings.Repeat("long", store.MaxDefinition/4),
			} {
				definition := unique(value)
				c.wantDefinition(what+" before it is put", c.Store, definition, store.ErrNotFound)
				c.put(c.Store, definition, long)
				c.wantDefinition(what, c.peer(), definition, nil)
			}
		}},
		{name: "PutAgain", needs: []need{definer}, run: func(c *trial) {
			definition := unique("again")
			var puts sync.WaitGroup
			for i := range 8 {
				st := []store.Store{c.Store, c.peer()}[i%2]
				puts.Go(func() {
					for range 5 {
						if err := c.putErr(st, definition, long); err != nil {
							c.Errorf("put of a definition, again and at the same time: %v", err)
						}
					}
				})
			}
			puts.Wait()
			c.wantDefinition("after many puts", c.Store, definition, nil)
		}},
		{name: "Expires", needs: []need{definer}, run: func(c *trial) {
			definition := unique("expires")
			ttl := max(c.ttl, store.MinDefinitionTTL)
			c.put(c.Store, definition, ttl)
			c.wantDefinitionGone("after its TTL", definition, ttl)
			c.put(c.peer(), definition, long) // the id was not used up
			c.wantDefinition("put once more", c.Store, definition, nil)
		}},
		{name: "APutExtendsIt", needs: []need{definer}, run: func(c *trial) {
			definition, other := unique("extended"), unique("other")
			ttl := 2 * max(c.ttl, store.MinDefinitionTTL)
			begun := time.Now()
			c.put(c.Store, definition, ttl)
			c.put(c.Store, other, ttl)
			c.put(c.peer(), definition, 4*long) // of which less than half is left
			c.wantDefinitionGone("which no put extended", other, ttl-time.Since(begun))
			c.wantDefinition("extended", c.Store, definition, nil)
		}},
		{name: "APutDoesNotShortenIt", needs: []need{definer}, run: func(c *trial) {
			definition := unique("shortened")
			ttl := max(c.ttl, store.MinDefinitionTTL)
			c.put(c.Store, definition, long)
			c.put(c.peer(), definition, ttl)
			time.Sleep(ttl + c.caps.Precision)
			c.wantDefinition("after the TTL of a later put", c.Store, definition, nil)
		}},
		{name: "NoRecordIsDisturbed", needs: []need{definer}, run: func(c *trial) {
			definition := unique("apart")
			id := store.DefinitionID(definition)
			c.hold(id)
			c.put(c.Store, definition, long)
			if all := c.list(""); len(all) != 1 {
				c.failf("a list has %d records, want that of the key %q alone", len(all), id)
			}
			c.delete(id, store.ByToken(c.get(id).Token))
			c.wantDefinition("after a record of that name was deleted", c.Store, definition, nil)
		}},
		{name: "InvalidArgumentsAreRefused", needs: []need{definer}, run: func(c *trial) {
			c.want("put of an empty definition", c.putErr(c.Store, nil, long), store.ErrInvalid)
			c.want("put of a long definition", c.putErr(c.Store, make([]byte, store.MaxDefinition+1), long), store.ErrInvalid)
			c.want("put for no time", c.putErr(c.Store, unique("d"), 0), store.ErrInvalid)
			c.want("put for a moment", c.putErr(c.Store, unique("d"), store.MinDefinitionTTL-1), store.ErrInvalid)
			c.want("put for ever", c.putErr(c.Store, unique("d"), store.MaxDefinitionTTL+1), store.ErrInvalid)
			id := store.DefinitionID([]byte("d"))
			for _, id := range []string{"", id[1:], id + "0", strings.ToUpper(id), "*" + id[1:], strings.Repeat("x", len(id))} {
				_, err := c.definer(c.Store).GetDefinition(c.Context(), id)
				c.want(fmt.Sprintf("get of %q", id), err, store.ErrInvalid)
			}
		}},
		{name: "AnEndedContext", needs: []need{definer}, run: func(c *trial) {
			ctx, cancel := context.WithCancel(c.Context())
			cancel()
			definition := unique("ended")
			if err := c.definer(c.Store).PutDefinition(ctx, definition, long); err == nil {
				c.failf("a put with a context that has ended succeeded")
			}
			if _, err := c.definer(c.Store).GetDefinition(ctx, store.DefinitionID(definition)); err == nil {
				c.failf("a get with a context that has ended succeeded")
			}
		}},
		{name: "AClosedStore", needs: []need{definer, closer}, run: func(c *trial) {
			definition := unique("closed")
			c.put(c.Store, definition, long)
			c.close()
			c.want("put to a closed store", c.putErr(c.Store, definition, long), store.ErrClosed)
			c.wantDefinition("of a closed store", c.Store, definition, store.ErrClosed)
		}},
		{name: "AcrossRestart", needs: []need{definer, restart}, run: func(c *trial) {
			definition := unique("restart")
			c.put(c.Store, definition, long)
			c.Restart()
			if !eventually(c.timeout(), func() bool { _, err := c.definition(c.Store, definition); return err == nil }) {
				c.failf("a definition is gone after a restart")
			}
		}},
	},
}

// unique is a definition that no other case has, because stores may share their definitions.
func unique(value string) []byte {
	nonce := store.NewNonce()
	return append(nonce[:], value[min(len(value), max(0, len(value)+len(nonce)-store.MaxDefinition)):]...)
}

func (c *trial) definer(st store.Store) store.Definer {
	d, _ := store.DefinerOf(st)
	return d
}

func (c *trial) putErr(st store.Store, definition []byte, ttl time.Duration) error {
	return c.definer(st).PutDefinition(c.Context(), definition, ttl)
}

func (c *trial) put(st store.Store, definition []byte, ttl time.Duration) {
	c.Helper()
	if err := c.putErr(st, definition, ttl); err != nil {
		c.failf("put of a definition for %v: %v", ttl, err)
	}
}

func (c *trial) definition(st store.Store, definition []byte) ([]byte, error) {
	return c.definer(st).GetDefinition(c.Context(), store.DefinitionID(definition))
}

// wantDefinition reads a definition, and wants its content or an error.
func (c *trial) wantDefinition(what string, st store.Store, definition []byte, want error) {
	c.Helper()
	got, err := c.definition(st, definition)
	c.want("get of a definition, "+what, err, want)
	if want == nil && !bytes.Equal(got, definition) {
		c.failf("get of a definition, %s: %.100q, want %.100q", what, got, definition)
	}
}

// wantDefinitionGone waits until a definition is gone, in ttl at the earliest.
func (c *trial) wantDefinitionGone(what string, definition []byte, ttl time.Duration) {
	c.Helper()
	time.Sleep(ttl)
	if !eventually(c.caps.Precision+ttl+c.timeout(), func() bool { _, err := c.definition(c.Store, definition); return err != nil }) {
		c.failf("a definition is still there, %s", what)
	}
	c.wantDefinition(what, c.Store, definition, store.ErrNotFound)
}
