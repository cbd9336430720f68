package server_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/leasehold-go/leasehold/internal/findingtest"
	"github.com/leasehold-go/leasehold/internal/full"
	"github.com/leasehold-go/leasehold/store"
	redisstore "github.com/leasehold-go/leasehold/store/redis"
)

// findings checks a server for leases of a TTL that no round trip of a busy machine is too slow for.
func (s server) findings(ttl time.Duration) []store.Finding {
	s.t.Helper()
	found, err := redisstore.Check(s.t.Context(), s.client, store.Usage{TTL: ttl})
	if err != nil {
		s.t.Fatal(err)
	}
	return found
}

// wantFinding checks that there is a finding of a check on a server, of a level, which says all words.
func wantFinding(t *testing.T, found []store.Finding, check, server string, level store.Level, words ...string) {
	t.Helper()
	of := slices.DeleteFunc(slices.Clone(found), func(f store.Finding) bool { return f.Server != server })
	findingtest.Want(t, of, check, level, words...)
}

func TestACheckComparesTheClocksOfServersAndMachine(t *testing.T) {
	full.Only(t)
	t.Parallel()
	master, replica := startClocked(t), startClocked(t)
	const ttl = time.Hour
	wantFinding(t, master.findings(ttl), "clock", master.Addr(), store.LevelOK, "as on this machine")
	master.step(3 * time.Hour)
	wantFinding(t, master.findings(ttl), "clock", master.Addr(), store.LevelWarn, "3h0m0s ahead of this machine", "NTP")
	master.step(0)

	host, port, _ := strings.Cut(master.Addr(), ":")
	replica.do("REPLICAOF", host, port)
	eventually(t, "the master has its replica", func() bool {
		return strings.Contains(master.do("INFO", "replication").(string), "state=online")
	})
	wantFinding(t, master.findings(ttl), "clocks", "", store.LevelOK, "2 servers")
	replica.step(-30 * time.Minute)
	found := master.findings(ttl)
	wantFinding(t, found, "clock", replica.Addr(), store.LevelWarn, "30m0s behind this machine")
	wantFinding(t, found, "clocks", "", store.LevelWarn, replica.Addr()+" is behind "+master.Addr())
	replica.step(-2 * time.Hour) // longer than the TTL: a failover can give smaller tokens
	wantFinding(t, master.findings(ttl), "clocks", "", store.LevelUnsafe, "2h0m0s apart", "a token can be smaller")
}
