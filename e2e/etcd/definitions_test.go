package etcd_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/leasehold-go/leasehold/e2e/etcdtest"
	"github.com/leasehold-go/leasehold/store"
	etcdstore "github.com/leasehold-go/leasehold/store/etcd"
)

// What another program put in the place of a definition is not taken for it, not overwritten and not put
// on an etcd lease. A definition that has lost its etcd lease gets one again.
func TestForeignValueInThePlaceOfADefinition(t *testing.T) {
	t.Parallel()
	client := etcdtest.Start(t, etcdtest.Settings{}).Client()
	st, err := etcdstore.New(t.Context(), client)
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	definition := []byte("a definition")
	id := store.DefinitionID(definition)
	name := "leasehold:d:" + id
	read := func() *clientv3.GetResponse {
		t.Helper()
		answer, err := client.Get(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		return answer
	}
	for _, value := range []string{"another text", strings.Repeat("x", len(definition)), string(definition) + "x", "", strings.Repeat("x", 1<<20)} {
		if _, err := client.Put(t.Context(), name, value); err != nil {
			t.Fatal(err)
		}
		foreign := new(store.ForeignError)
		if err := st.PutDefinition(t.Context(), definition, time.Hour); !errors.As(err, &foreign) || foreign.Record.Key != name {
			t.Errorf("put over %.40q: %v", value, err)
		}
		if d, err := st.GetDefinition(t.Context(), id); !errors.Is(err, store.ErrForeign) || d != nil {
			t.Errorf("get of %.40q: %.40q, %v", value, d, err)
		}
		if now := read(); len(now.Kvs) != 1 || string(now.Kvs[0].Value) != value || now.Kvs[0].Lease != 0 {
			t.Errorf("the foreign value %.40q has become %v", value, now.Kvs)
		}
	}

	if _, err := client.Put(t.Context(), name, string(definition)); err != nil {
		t.Fatal(err)
	}
	if err := st.PutDefinition(t.Context(), definition, time.Hour); err != nil {
		t.Fatal(err)
	}
	first := read().Kvs[0]
	if first.Lease == 0 || string(first.Value) != string(definition) {
		t.Errorf("a definition without an etcd lease has become %v", first)
	}
	if err := st.PutDefinition(t.Context(), definition, time.Hour); err != nil {
		t.Fatal(err)
	}
	if again := read().Kvs[0]; again.Version != first.Version {
		t.Error("a definition was written again that has enough time left")
	}

	// Its etcd lease is shared by definitions of one life, and an operator may revoke it.
	if _, err := client.Revoke(t.Context(), clientv3.LeaseID(first.Lease)); err != nil {
		t.Fatal(err)
	}
	if err := st.PutDefinition(t.Context(), definition, time.Hour); err != nil {
		t.Fatalf("put after the end of the etcd lease: %v", err)
	}
	if d, err := st.GetDefinition(t.Context(), id); err != nil || string(d) != string(definition) {
		t.Errorf("get: %q, %v", d, err)
	}
}
