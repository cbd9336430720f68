package etcdstore

import (
	"strings"
	"testing"
	"time"

	"go.etcd.io/etcd/api/v3/mvccpb"
	"pgregory.net/rapid"

	"github.com/leasehold-go/leasehold/store"
)

func drawNote(t *rapid.T) note {
	return note{
		nonce: store.Nonce([]byte(rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "nonce"))),
		seq:   rapid.Uint64().Draw(t, "seq"),
		ttl:   time.Duration(rapid.Uint32().Draw(t, "ttl")) * time.Second,
		size:  rapid.IntRange(0, store.MaxValue).Draw(t, "size"),
	}
}

func TestANoteIsReadAsItWasWritten(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := drawNote(t)
		if got, ok := parseNote(n.String()); !ok || got != n {
			t.Errorf("%q is read as %+v, %v", n, got, ok)
		}
	})
}

func TestNotesAndMarksAreWrittenAsDocumented(t *testing.T) {
	n := note{nonce: store.Nonce{0xab, 15: 1}, seq: 7, ttl: 45 * time.Second, size: 123}
	if got, want := n.String(), "1 ab000000000000000000000000000001 7 45 123"; got != want {
		t.Errorf("note %q, want %q", got, want)
	}
	for key, want := range map[string]string{
		"k":                      "leasehold:n:001:k:",
		strings.Repeat("k", 45):  "leasehold:n:045:" + strings.Repeat("k", 45) + ":",
		strings.Repeat("k", 512): "leasehold:n:512:" + strings.Repeat("k", 512) + ":",
	} {
		if got := marksOf(key); got != want {
			t.Errorf("marks %q, want %q", got, want)
		}
	}
}

func FuzzParseNoteAcceptsOnlyItsOwnText(f *testing.F) {
	f.Add("1 000102030405060708090a0b0c0d0e0f 7 45 123")
	f.Add("2 000102030405060708090a0b0c0d0e0f 7 45 123")
	f.Add("1 000102030405060708090A0B0C0D0E0F +7 045 -0")
	f.Add("1    ")
	f.Fuzz(func(t *testing.T, text string) {
		if n, ok := parseNote(text); ok && n.String() != text {
			t.Errorf("%q is read as %q", text, n)
		}
	})
}

// pairOf returns a record of ours and its note as they are stored.
func pairOf() (value, noteKV *mvccpb.KeyValue) {
	n := note{nonce: store.Nonce{1}, seq: 7, ttl: 45 * time.Second, size: 5}
	return &mvccpb.KeyValue{Value: []byte("value"), CreateRevision: 11, ModRevision: 15, Lease: 99},
		&mvccpb.KeyValue{Value: []byte(n.String()), CreateRevision: 3, ModRevision: 15, Lease: 99}
}

func TestARecordIsOursOnlyIfRevisionAndEtcdLeaseMatchItsNote(t *testing.T) {
	value, noteKV := pairOf()
	if f := inspect("key", value, noteKV); !f.ours || f.token() != 11 || f.note.seq != 7 {
		t.Fatalf("%+v", f)
	}
	for name, change := range map[string]func(value, noteKV *mvccpb.KeyValue){
		"a put over it":            func(v, _ *mvccpb.KeyValue) { v.ModRevision++ },
		"a put with another lease": func(v, _ *mvccpb.KeyValue) { v.ModRevision, v.Lease = 16, 98 },
		"no lease":                 func(v, b *mvccpb.KeyValue) { v.Lease, b.Lease = 0, 0 },
		"leases that differ":       func(_, b *mvccpb.KeyValue) { b.Lease = 98 },
		"an older note":            func(_, b *mvccpb.KeyValue) { b.ModRevision-- },
		"a note of no form":        func(_, b *mvccpb.KeyValue) { b.Value = []byte("note") },
	} {
		value, noteKV := pairOf()
		change(value, noteKV)
		if f := inspect("key", value, noteKV); f.ours || f.token() != 0 || f.has(store.ByNonce(store.Nonce{1})) {
			t.Errorf("%s: %+v", name, f)
		}
	}
	if f := inspect("key", value, nil); f.ours {
		t.Error("a record without a note is ours")
	}
	if f := inspect("key", nil, noteKV); f.ours {
		t.Error("a note without a record is ours")
	}
}

func TestMarksOfAKeyAreNotUnderThePrefixOfAnother(t *testing.T) {
	key := rapid.StringN(1, 40, store.MaxKey)
	rapid.Check(t, func(t *rapid.T) {
		a, b, n := key.Draw(t, "a"), key.Draw(t, "b"), store.NewNonce()
		if tail := rapid.Bool().Draw(t, "b begins as a does"); tail {
			b = a + ":" + n.String()
		}
		if a != b && strings.HasPrefix(markOf(b, n), marksOf(a)) {
			t.Errorf("the mark %q of %q is under %q of %q", markOf(b, n), b, marksOf(a), a)
		}
		if back, ok := keyOf(noteOf(a)); !ok || back != a {
			t.Errorf("the note of %q is read as that of %q", a, back)
		}
	})
}
