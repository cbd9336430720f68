package registry_test

import (
	"context"
	"encoding/json"
	"errors"
	"testing"
	"testing/synctest"

	"github.com/leasehold-go/leasehold/internal/teststore"
	"github.com/leasehold-go/leasehold/lease"
	"github.com/leasehold-go/leasehold/registry"
	"github.com/leasehold-go/leasehold/store"
)

// putRecord creates the record of an instance with a bare lease, which the keeper renews.
func putRecord(t *testing.T, k *lease.Keeper, name string, p registry.Process) lease.Lease {
	t.Helper()
	process, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	held, err := k.Acquire(t.Context(), key, []byte(`{"leasehold":{"instance":"`+name+`","process":`+string(process)+`}}`))
	if err != nil {
		t.Fatal(err)
	}
	return held
}

func TestReclaimNameTakesTheKeyOfTheSameName(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := teststore.New()
		k := newKeeper(t, st)
		first := register(t, k, func(c *config) { c.Instance = "connector" })
		other := func(c *config) { c.Instance, c.Reclaim = "another", registry.ReclaimName }
		same := func(c *config) { c.Instance, c.Reclaim = "connector", registry.ReclaimName }

		wantConflict(t, k, other)
		second := register(t, k, same)
		if second.Lease().Token() <= first.Lease().Token() {
			t.Errorf("token %d after %d", second.Lease().Token(), first.Lease().Token())
		}
		if err := first.Transition(t.Context(), Starting); !errors.Is(err, store.ErrLost) || first.State() != Idle {
			t.Errorf("the next write of the old holder returned %v, want %v", err, store.ErrLost)
		}
		wantAgreement(t, st, second)
	})
}

func TestReclaimNeverIsTheDefault(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := teststore.New()
		k := newKeeper(t, st)
		register(t, k, func(c *config) { c.Instance = "connector" })
		wantConflict(t, k, func(c *config) { c.Instance = "connector" })
		if len(st.Sent(teststore.Delete)) != 0 {
			t.Error("a delete was sent")
		}
	})
}

func TestNoPolicyReclaimsAValueOfAnotherKind(t *testing.T) {
	for _, value := range []string{`{}`, "hello", `{"leasehold":null}`, `{"leasehold":"connector"}`, `[]`} {
		synctest.Test(t, func(t *testing.T) {
			st := teststore.New()
			k := newKeeper(t, st)
			if _, err := k.Acquire(t.Context(), key, []byte(value)); err != nil {
				t.Fatal(err)
			}
			for _, r := range []registry.Reclaim{registry.ReclaimNever, registry.ReclaimDead, registry.ReclaimName} {
				wantConflict(t, k, func(c *config) { c.Reclaim = r })
			}
			if len(st.Sent(teststore.Delete)) != 0 {
				t.Errorf("%s was deleted", value)
			}
		})
	}
}

// Another instance creates the record between the delete and the create.
func TestReclaimThatLosesARaceReturnsAConflict(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := teststore.New()
		k := newKeeper(t, st)
		putRecord(t, k, "connector", registry.Process{})
		st.Inject(func(ctx context.Context, call func(context.Context) error) error {
			err := call(ctx)
			st.Inject(nil, teststore.Delete)
			putRecord(t, k, "quicker", registry.Process{})
			return err
		}, teststore.Delete)
		reclaiming := func(c *config) { c.Instance, c.Reclaim = "connector", registry.ReclaimName }
		if got := wantConflict(t, k, reclaiming); got.Instance != "quicker" {
			t.Errorf("got %v, want a conflict with instance quicker", got)
		}
	})
}

func TestReclaimReturnsTheErrorOfTheDelete(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := teststore.New()
		k := newKeeper(t, st)
		putRecord(t, k, "connector", registry.Process{})
		st.Inject(teststore.Refuse, teststore.Delete)
		defer st.Inject(nil, teststore.Delete)
		cfg := configure(func(c *config) { c.Instance, c.Reclaim = "connector", registry.ReclaimName })
		if _, err := registry.Register(t.Context(), k, lifecycle, cfg); !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("got %v, want %v", err, store.ErrUnavailable)
		}
	})
}

func TestReclaimMarshalsToAWord(t *testing.T) {
	for policy, word := range map[registry.Reclaim]string{
		registry.ReclaimNever: "never", registry.ReclaimDead: "dead", registry.ReclaimName: "name",
	} {
		var read registry.Reclaim
		text, err := policy.MarshalText()
		if err != nil || string(text) != word || policy.String() != word {
			t.Errorf("%d marshals to %q, %v", policy, text, err)
		}
		if err := read.UnmarshalText(text); err != nil || read != policy {
			t.Errorf("%q unmarshals to %v, %v", text, read, err)
		}
	}
	read := registry.ReclaimName
	err := read.UnmarshalText([]byte("always"))
	const want = `invalid reclaim policy "always": must be one of never, dead, name`
	if _, typed := errors.AsType[*store.InvalidError](err); !typed || err.Error() != want || read != registry.ReclaimName {
		t.Errorf("%v; now %v", err, read)
	}
	if got := registry.Reclaim(9).String(); got != "invalid" {
		t.Error(got)
	}
}
