package redisstore_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/leasehold-go/leasehold/store"
)

// next asks for a held key and fails the test unless the claim is next.
func (b *bench) next(c store.Claim, handed func(store.Grant)) {
	b.Helper()
	_, next, err := b.CreateNext(b.Context(), c, handed)
	if !next {
		b.Fatalf("the claim is not next: %v", err)
	}
}

// A message of a handover can come late and again. It says nothing of a lease that came after.
func TestAMessageOfAnEarlierHandoverHandsNothingOver(t *testing.T) {
	t.Parallel()
	b := start(t)
	w := watch(b, "key")
	first := b.hold("key")
	w.expect(b, put("key", first.Token, "first"), 0)
	grants := make(chan store.Grant, 10)
	c := claim("key")
	b.next(c, func(g store.Grant) { grants <- g })
	heard := b.plain.Subscribe(t.Context(), "leasehold:0:k:key")
	defer heard.Close()
	if _, err := heard.Receive(t.Context()); err != nil {
		t.Fatal(err)
	}
	check(t, b.Delete(t.Context(), "key", store.ByToken(first.Token)))
	handed := <-grants
	message, err := heard.ReceiveMessage(t.Context())
	if err != nil || message.Payload[0] != '=' {
		t.Fatalf("%+v, %v", message, err)
	}
	check(t, b.Delete(t.Context(), "key", store.ByToken(handed.Token)))
	for range 20 { // so many that the fence knows the claim no more
		check(t, b.Delete(t.Context(), "key", store.ByToken(b.hold("key").Token)))
	}
	held := b.hold("key")
	b.next(c, func(g store.Grant) { grants <- g })
	b.do("PUBLISH", message.Channel, message.Payload)
	check(t, b.Delete(t.Context(), "key", store.ByToken(held.Token)))
	if g := <-grants; g.Token <= held.Token {
		t.Errorf("token %d was handed over after %d, until %v", g.Token, held.Token, time.Until(g.Until))
	}
	for len(grants) > 0 {
		t.Errorf("token %d was handed over too", (<-grants).Token)
	}
}

// A settled claim stays settled for as long as it could be next, however long ago that was.
func TestASettledClaimIsNotNextOnceItsNonceIsForgotten(t *testing.T) {
	t.Parallel()
	b := start(t)
	held := b.hold("key")
	c := long("key")
	b.next(c, func(store.Grant) {})
	check(t, b.Delete(t.Context(), "key", store.ByNonce(c.Nonce)))
	list := b.field("key", "ended")
	if !strings.HasPrefix(list, "001") || len(list) < 3+18 {
		t.Fatalf("the fence knows %q", list)
	}
	b.setField("key", "ended", fmt.Sprintf("%s%010d%s", list[:11], time.Now().Unix()-1, list[21:])) // five minutes later
	check(t, b.Delete(t.Context(), "key", store.ByNonce(store.NewNonce())))
	check(t, b.Delete(t.Context(), "key", store.ByToken(held.Token)))
	if got := b.value("key"); got != "" {
		t.Errorf("%q is there", got)
	}
}
