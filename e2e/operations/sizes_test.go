package operations_test

import (
	"context"
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/leasehold-go/leasehold/e2e/etcdtest"
	"github.com/leasehold-go/leasehold/internal/full"
	"github.com/leasehold-go/leasehold/internal/redistest"
	"github.com/leasehold-go/leasehold/store"
	etcdstore "github.com/leasehold-go/leasehold/store/etcd"
	redisstore "github.com/leasehold-go/leasehold/store/redis"
)

const (
	leases = 2000
	ttl    = time.Hour // nothing ends meanwhile
)

// create creates the records whose sizes are measured: keys of 20 bytes, values of 200.
func create(t *testing.T, st store.Store) (tokens []store.Token) {
	t.Helper()
	tokens = make([]store.Token, leases)
	var all sync.WaitGroup
	turns := make(chan struct{}, 64)
	for i := range tokens {
		all.Go(func() {
			turns <- struct{}{}
			defer func() { <-turns }()
			grant, err := st.Create(t.Context(), store.Claim{
				Key: keyOf(i), Value: []byte(strings.Repeat("v", 200)), TTL: ttl, Nonce: store.NewNonce(),
			})
			if err != nil {
				t.Error(err)
			}
			tokens[i] = grant.Token
		})
	}
	all.Wait()
	if t.Failed() {
		t.FailNow()
	}
	return tokens
}

func keyOf(i int) string { return fmt.Sprintf("exchange:%04d:status", i) }

// beat renews all records once, as a heartbeat does.
func beat(t *testing.T, st store.Store, tokens []store.Token) {
	t.Helper()
	for from := 0; from < leases; from += 250 {
		var batch []store.Renewal
		for i := from; i < from+250; i++ {
			batch = append(batch, store.Renewal{Key: keyOf(i), Token: tokens[i]})
		}
		for _, r := range st.Renew(t.Context(), batch) {
			if r.Err != nil {
				t.Fatal(r.Err)
			}
		}
	}
}

const (
	logs   = 20
	perLog = 1000 // entries
)

// log appends entries of 200 bytes to the logs of some records.
func log(t *testing.T, st store.Logger, tokens []store.Token) {
	t.Helper()
	e := store.LogEntries{Limits: store.LogLimits{Entries: perLog, Age: 7 * 24 * time.Hour}}
	for range 50 {
		e.Values = append(e.Values, []byte(strings.Repeat("v", 200)))
	}
	for i := range logs {
		for e.First = 1; e.First < perLog; e.First += 50 {
			if err := st.AppendLog(t.Context(), keyOf(i), tokens[i], e); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// equals compares a measured number with the line of the page's table that begins with the
// given words. Versions and allocators differ by up to a quarter.
func equals(t *testing.T, what string, measured float64) {
	t.Helper()
	text, err := os.ReadFile("../../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile(`(?m)^\| ` + regexp.QuoteMeta(what) + ` \| ([0-9.,]+)`).FindStringSubmatch(string(text))
	if m == nil {
		t.Errorf("docs/operations.md has no line %q; measured %.3g", what, measured)
		return
	}
	said, err := strconv.ParseFloat(strings.ReplaceAll(m[1], ",", ""), 64)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%s: %.4g, the page says %v", what, measured, said)
	if measured > said*1.25 || measured < said/1.25 {
		t.Errorf("%s: measured %.4g, and docs/operations.md says %v", what, measured, said)
	}
}

func TestSizesOnRedisAreThoseOfThePage(t *testing.T) {
	full.Only(t)
	server := redistest.Start(t)
	admin := server.Client()
	info := func(section, name string) float64 {
		t.Helper()
		text, err := admin.Info(t.Context(), section).Result()
		if err != nil {
			t.Fatal(err)
		}
		m := regexp.MustCompile(`(?m)^` + name + `[:=]([0-9]+)`).FindStringSubmatch(text)
		if m == nil {
			return 0
		}
		n, _ := strconv.ParseFloat(m[1], 64)
		return n
	}
	st, err := redisstore.New(t.Context(), server.Client())
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	create(t, st) // so that the buffers of connections have their sizes
	if err := admin.FlushAll(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
	// Redis shrinks the buffers of connections that have had little to do for some seconds.
	memory := func() float64 { return info("memory", "used_memory") - info("memory", "mem_clients_normal") }
	before := memory()
	for steady, late := 0, time.Now().Add(patience); steady < 10 && time.Now().Before(late); steady++ {
		time.Sleep(100 * time.Millisecond)
		if now := memory(); now != before {
			before, steady = now, -1
		}
	}
	tokens := create(t, st)
	equals(t, "Redis: bytes of memory a lease", (memory()-before)/leases)
	if err := admin.ConfigResetStat(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
	beat(t, st, tokens)
	equals(t, "Redis: scripts for a heartbeat of 1,000 leases", info("commandstats", "cmdstat_evalsha:calls")/leases*1000)
	for i, token := range tokens {
		if err := st.Delete(t.Context(), keyOf(i), store.ByToken(token)); err != nil {
			t.Fatal(err)
		}
	}
	for late := time.Now().Add(patience); admin.Exists(t.Context(), "leasehold:index").Val() > 0 && time.Now().Before(late); {
		time.Sleep(100 * time.Millisecond) // until the entries of the index have gone
	}
	equals(t, "Redis: bytes that a used key leaves", (memory()-before)/leases)
	tokens = create(t, st)
	before = memory()
	log(t, st, tokens)
	equals(t, "Redis: bytes of memory a log entry", (memory()-before)/(logs*perLog))
}

func TestSizesOnEtcdAreThoseOfThePage(t *testing.T) {
	full.Only(t)
	cluster := etcdtest.Start(t, etcdtest.Settings{})
	client := cluster.Client()
	st, err := etcdstore.New(t.Context(), client)
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	size := func() float64 {
		t.Helper()
		answer, err := client.Get(t.Context(), "none")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := client.Compact(t.Context(), answer.Header.Revision, clientv3.WithCompactPhysical()); err != nil {
			t.Fatal(err)
		}
		status, err := client.Status(context.Background(), cluster.Endpoints()[0])
		if err != nil {
			t.Fatal(err)
		}
		return float64(status.DbSizeInUse)
	}
	before := size()
	tokens := create(t, st)
	equals(t, "etcd: bytes of database a lease", (size()-before)/leases)
	all, err := client.Leases(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	equals(t, "etcd: etcd leases for 2,000 leases", float64(len(all.Leases)))
	beat(t, st, tokens)
	for i, token := range tokens {
		if err := st.Delete(t.Context(), keyOf(i), store.ByToken(token)); err != nil {
			t.Fatal(err)
		}
	}
	equals(t, "etcd: bytes that a create leaves", (size()-before)/leases)
	tokens = create(t, st)
	before = size()
	log(t, st, tokens)
	equals(t, "etcd: bytes of database a log entry", (size()-before)/(logs*perLog))
}
