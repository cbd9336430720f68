package store_test

import (
	"regexp"
	"testing"

	"github.com/leasehold-go/leasehold/store"
	memstore "github.com/leasehold-go/leasehold/store/memory"
)

func TestKindsAndCausesHaveNames(t *testing.T) {
	for got, want := range map[string]string{
		store.EventPut.String():       "put",
		store.EventGone.String():      "gone",
		store.EventSynced.String():    "synced",
		store.EventResync.String():    "resync",
		store.CauseUnknown.String():   "unknown",
		store.CauseDeleted.String():   "deleted",
		store.CauseExpired.String():   "expired",
		store.EventKind(0).String():   "invalid",
		store.EventKind(5).String():   "invalid",
		store.EventKind(255).String(): "invalid",
		store.Cause(3).String():       "invalid",
		store.Cause(255).String():     "invalid",
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestRecordWithoutATokenIsForeign(t *testing.T) {
	if !(store.Record{Key: "k"}).Foreign() || (store.Record{Key: "k", Token: 1}).Foreign() {
		t.Error("a record is foreign exactly when it has no token")
	}
}

func TestNoncesDiffer(t *testing.T) {
	seen := make(map[store.Nonce]bool)
	for range 1000 {
		n := store.NewNonce()
		if seen[n] || n == (store.Nonce{}) {
			t.Fatalf("%v again", n)
		}
		seen[n] = true
		if !regexp.MustCompile(`^[0-9a-f]{32}$`).MatchString(n.String()) {
			t.Fatalf("the nonce prints as %q", n)
		}
	}
	if got := (store.Nonce{0x0a, 15: 0xff}).String(); got != "0a0000000000000000000000000000ff" {
		t.Error(got)
	}
}

// declared is a store that declares a capability.
type declared struct{ store.Store }

func (declared) Capabilities() store.Capabilities { return store.Capabilities{GroupExpiry: true} }

func TestUndeclaredCapabilitiesAreTheStrictest(t *testing.T) {
	if got := store.CapabilitiesOf(memstore.New()); got != (store.Capabilities{}) {
		t.Errorf("%+v", got)
	}
	if got := store.CapabilitiesOf(declared{}); !got.GroupExpiry {
		t.Errorf("%+v", got)
	}
}
