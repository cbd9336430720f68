package server_test

import (
	"testing"
	"time"

	"github.com/leasehold-go/leasehold/internal/full"
	"github.com/leasehold-go/leasehold/internal/redistest"
)

func TestATermOutlivesAFailoverThatSentinelMakes(t *testing.T) {
	full.Only(t)
	t.Parallel()
	s := startSentinel(t)
	master, replica := of(t, s.Master()), of(t, s.Replica())
	const ttl = 5 * time.Minute
	a, b := master.partyOf(s.Client(), ttl, time.Second), master.partyOf(s.Client(), ttl, time.Second)
	held := a.acquire("job", "a")
	waiting := b.await("job", "b")
	eventually(t, "the replica has the record", func() bool { return replica.raw("job") == "a" && replica.fence("job") != "" })

	master.Stop()
	// A sentinel that stood still itself trusts its clock again only after half a minute.
	within(t, 3*patience, "the replica is the master", func() bool { return replica.info("role") == "master" })
	a.renewed(held)
	if got := replica.raw("job"); got != "a" || !waiting.waits() {
		t.Errorf("the new master has %q; the waiter still waits: %v", got, waiting.waits())
	}
	if err := held.Release(t.Context()); err != nil {
		t.Fatal(err)
	}
	later(t, waiting.taken(), held)
}

func startSentinel(t *testing.T) *redistest.Sentinel {
	t.Helper()
	starting.Lock()
	defer starting.Unlock()
	return redistest.StartSentinel(t, time.Second)
}
