package server_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/leasehold-go/leasehold/internal/full"
	"github.com/leasehold-go/leasehold/lease"
	"github.com/leasehold-go/leasehold/store"
)

// fill takes all the memory that the server may have, and then some: a server that
// comes to rest finds a little again.
func (s server) fill() {
	s.t.Helper()
	junk := bytes.Repeat([]byte("x"), 256<<10)
	for i := 0; ; i++ {
		err := s.client.Set(s.t.Context(), fmt.Sprintf("junk:%d", i), junk, 0).Err()
		if err != nil && strings.HasPrefix(err.Error(), "OOM") {
			break
		}
		if err != nil || i > 1000 {
			s.t.Fatalf("filling the server: %d values, %v", i, err)
		}
	}
	s.do("CONFIG", "SET", "maxmemory", "16mb")
}

func TestOutOfMemory(t *testing.T) {
	full.Only(t)
	t.Parallel()
	s := start(t, "--maxmemory", "24mb", "--maxmemory-policy", "noeviction")
	a := s.party(8*time.Second, 500*time.Millisecond)
	patient := s.party(2*time.Minute, 5*time.Second)
	var hasty []lease.Lease
	for i := range 5 {
		hasty = append(hasty, a.acquire(fmt.Sprintf("hasty:%d", i), "a"))
	}
	kept, freed := patient.acquire("kept", "a"), patient.acquire("freed", "a")
	s.fill()

	_, err := patient.Acquire(t.Context(), "new", []byte("a"))
	want(t, "acquire", err, store.ErrUnavailable)
	if s.raw("new") != "" || s.fenceName("new") != "" {
		t.Error("a create that was refused left something")
	}
	want(t, "update", kept.Update(t.Context(), []byte("b")), store.ErrUnavailable)
	s.keep(hasty)
	if err := freed.Release(t.Context()); err != nil || s.raw("freed") != "" {
		t.Errorf("release: %v, and the key has %q", err, s.raw("freed"))
	}
	if !kept.Valid() || s.raw("kept") != "a" {
		t.Errorf("the record has %q, its lease says %v", s.raw("kept"), kept.Err())
	}
	if _, there := listed(t, patient.store, "kept")["kept"]; !there {
		t.Error("nobody can read while the memory is out")
	}

	s.do("CONFIG", "SET", "maxmemory", "64mb")
	if err := kept.Update(t.Context(), []byte("b")); err != nil {
		t.Error(err)
	}
}

// keep watches for more than a window that the want of memory takes nothing from
// those who hold something.
func (s server) keep(all []lease.Lease) {
	s.t.Helper()
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		for _, held := range all {
			if value, left := s.raw(held.Key()), s.left(held.Key()); value != "a" || left == -1 {
				s.t.Fatalf("%q has %q, %v left", held.Key(), value, left)
			}
		}
	}
	for _, held := range all {
		if !held.Valid() {
			s.t.Errorf("%q: %v", held.Key(), held.Err())
		}
	}
}
