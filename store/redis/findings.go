package redisstore

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/leasehold-go/leasehold/internal/ctxerr"
	"github.com/leasehold-go/leasehold/store"
	"github.com/leasehold-go/leasehold/store/internal/checkup"
)

// checkLimit is how long Check takes at most, and replicaLimit how long it waits for a replica.
const (
	checkLimit   = 30 * time.Second
	replicaLimit = 2 * time.Second
)

// Check looks at the servers that client is connected to, and at the rights of its user: all that
// [New] demands, persistence, replicas, clocks, latency, and each right of docs/operations.md. It
// goes on where New stops, and a check that the user may not make is of [store.LevelUnknown]. For
// Sentinel see [CheckSentinel].
//
// Check writes as New does: one record for each master, under "leasehold:probe:", which it deletes
// again and which expires after ten seconds. A right is tried by a command that changes nothing.
// The servers log refused commands (ACL LOG). Check takes about three seconds, and thirty at most.
// If no server answers, it fails with a *[ServerError], and with *[store.InvalidError] as New does.
func Check(ctx context.Context, client redis.UniversalClient, usage store.Usage) ([]store.Finding, error) {
	if err := usage.Check(); err != nil {
		return nil, err
	}
	c, err := connect(client)
	if err != nil {
		return nil, err
	}
	if c, err = c.bounded(); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, checkLimit, fmt.Errorf("no answer within %v", checkLimit))
	defer cancel()
	var asking tasks
	var masters map[*redis.Client]int
	err = asking.try(ctx, func() error {
		if masters = c.someSlots(ctx); len(masters) > 0 {
			return nil
		}
		_, err := c.servers(ctx, false) // for the reason why no slot has a master
		return cmp.Or(err, errNoMaster)
	})
	if fault, ok := errors.AsType[*ServerError](err); ok {
		return nil, fault
	}
	if err != nil {
		return nil, unable(c.address(), "info", err)
	}
	results := make(chan *checks, len(masters)) // with room for those that are later than ctx
	waiting := make(map[string]bool)
	for master, slot := range masters {
		waiting[master.Options().Addr] = true
		asking.start(func() { results <- c.checks(ctx, master, slot, usage) })
	}
	var findings []store.Finding
	var clocks []checkup.Clock
	for len(waiting) > 0 {
		select {
		case k := <-results:
			delete(waiting, k.dialled)
			if k.err != nil && len(masters) == 1 {
				return nil, k.err
			}
			findings = append(findings, k.findings...)
			clocks = append(clocks, k.clocks...)
		case <-ctx.Done():
			if len(waiting) == len(masters) {
				return nil, unable(c.address(), "info", ctxerr.Of(ctx))
			}
			for address := range waiting {
				findings = append(findings, silent(address, ctxerr.Of(ctx)))
			}
			clear(waiting)
		}
	}
	if c.cluster != nil {
		findings = append(findings, c.clusterFinding(ctx))
	}
	if len(clocks) > 1 {
		findings = append(findings, checkup.Apart(clocks, usage.TTL, true))
	}
	slices.SortStableFunc(findings, func(a, b store.Finding) int { return cmp.Compare(a.Server, b.Server) })
	return findings, nil
}

// CheckSentinels asks each sentinel of a client whether a failover can succeed, and in time for
// the leases of a usage. [Check] is for the master and its replicas.
func CheckSentinels(ctx context.Context, options *redis.FailoverOptions, usage store.Usage) []store.Finding {
	findings := make([]store.Finding, len(options.SentinelAddrs))
	var all sync.WaitGroup
	for i, address := range options.SentinelAddrs {
		all.Go(func() { findings[i] = sentinelFinding(ctx, address, options, usage) })
	}
	all.Wait()
	return findings
}

func sentinelFinding(ctx context.Context, address string, o *redis.FailoverOptions, usage store.Usage) store.Finding {
	ctx, cancel := context.WithTimeout(ctx, replicaLimit)
	defer cancel()
	s := redis.NewSentinelClient(&redis.Options{Addr: address, Username: o.SentinelUsername, Password: o.SentinelPassword,
		Dialer: o.Dialer, TLSConfig: o.TLSConfig, DialTimeout: replicaLimit, ReadTimeout: replicaLimit, DialerRetries: 1, MaxRetries: -1})
	defer s.Close()
	f := store.Finding{Check: "sentinel", Server: address, Level: store.LevelWarn}
	m, err := s.Master(ctx, o.MasterName).Result()
	if err != nil {
		f.Seen, f.Advice = err.Error(), "this sentinel does not help in a failover: see that it runs and monitors "+o.MasterName
		return f
	}
	others, _ := strconv.Atoi(m["num-other-sentinels"])
	milliseconds, _ := strconv.Atoi(m["down-after-milliseconds"])
	downAfter := time.Duration(milliseconds) * time.Millisecond
	f.Seen = fmt.Sprintf("knows %d other sentinels and %s replicas, quorum %s, down after %v", others, m["num-slaves"], m["quorum"], downAfter)
	quorum := s.CkQuorum(ctx, o.MasterName).Err()
	switch {
	case strings.Contains(m["flags"], "down"):
		f.Seen += ", finds the master down"
		f.Advice = "a failover may begin: see that the sentinel reaches the master"
	case quorum != nil && !isNoReply(quorum):
		f.Seen += ": " + quorum.Error()
		f.Advice = "no failover is possible until more sentinels answer"
	case others < 2:
		f.Advice = "no failover is possible while one of the sentinels is away: use three, on three machines"
	case downAfter >= usage.TTL:
		f.Advice = fmt.Sprintf("leases end before a failover begins: lower down-after-milliseconds, or use a TTL well above %v", downAfter)
	default:
		f.Level = store.LevelOK
	}
	return f
}

// errNoMaster is the fault of a Cluster without a master for any slot.
var errNoMaster = errors.New("no slot has a master")

func silent(address string, err error) store.Finding {
	return store.Finding{Check: "connection", Server: address, Level: store.LevelUnsafe, Seen: err.Error(),
		Advice: "leases on this server cannot be renewed: see that it runs, or have it replaced"}
}

// clusterFinding is about the Cluster as a whole.
func (c connection) clusterFinding(ctx context.Context) store.Finding {
	f := store.Finding{Check: "cluster", Level: store.LevelOK}
	//lint:ignore SA1019 Redis 6.2 has no CLUSTER SHARDS, and the users of docs/operations.md no right to it
	parts, err := c.cluster.ClusterSlots(ctx).Result()
	if err != nil {
		return unknown(f, "CLUSTER SLOTS", err, "a user with the right +cluster|slots")
	}
	covered, masters := 0, make(map[string]bool)
	for _, part := range parts {
		if len(part.Nodes) > 0 {
			covered += part.End - part.Start + 1
			masters[part.Nodes[0].ID] = true
		}
	}
	switch f.Seen = fmt.Sprintf("%d masters serve %d of %d slots", len(masters), covered, slots); {
	case covered < slots:
		f.Level, f.Advice = store.LevelUnsafe, "keys of the other slots have no server: redis-cli --cluster check names them, --cluster fix mends them"
	case len(masters) < 3:
		f.Level, f.Advice = store.LevelWarn, "fewer than three masters cannot agree on a failover: add masters"
	}
	return f
}

// unknown is a finding that could not be made, because a request failed.
func unknown(f store.Finding, request string, err error, ask string) store.Finding {
	f.Level, f.Seen = store.LevelUnknown, fmt.Sprintf("not known, because %s failed: %v", request, err)
	f.Advice = "ask " + ask
	return f
}

// checks are the checks of one master.
type checks struct {
	server
	dialled  string // the address that the client has for it
	master   *redis.Client
	usage    store.Usage
	refused  error             // of INFO
	settings map[string]string // CONFIG
	unread   error             // of CONFIG
	findings []store.Finding
	clocks   []checkup.Clock
	err      error // the server does not answer
}

func (k *checks) add(check string, level store.Level, seen, advice string) {
	k.findings = append(k.findings, store.Finding{Check: check, Server: k.address, Level: level, Seen: seen, Advice: advice})
}

// addUnknown adds a finding that needs an answer to a request.
func (k *checks) addUnknown(check, request string, err error, ask string) {
	k.findings = append(k.findings, unknown(store.Finding{Check: check, Server: k.address}, request, err, ask))
}

func (c connection) checks(ctx context.Context, master *redis.Client, slot int, usage store.Usage) *checks {
	k := &checks{dialled: master.Options().Addr, master: master, usage: usage, settings: make(map[string]string)}
	k.server, k.err = ask(ctx, master, false)
	if fault, ok := errors.AsType[*ServerError](k.err); ok && denied(fault.Err) {
		k.err = nil
		if fault.What == "info" {
			k.refused = fault.Err
			k.database = master.Options().DB
		}
	}
	if k.err != nil {
		k.findings = append(k.findings, silent(k.dialled, k.err))
		return k
	}
	if local := k.own["laddr"]; k.dialled == failoverAddr && local != "" {
		k.address = local
	}
	for _, pattern := range []string{"append*", "save", "min-replicas-*", "timeout", "cluster-node-timeout"} {
		settings, err := master.ConfigGet(ctx, pattern).Result()
		maps.Copy(k.settings, settings)
		k.unread = cmp.Or(k.unread, err)
	}
	k.demands(c.cluster != nil)
	k.memory()
	k.persistence()
	k.replication(c.cluster != nil || k.dialled == failoverAddr)
	k.connections()
	k.rights(ctx, c, slot)
	k.pace(ctx, c, slot)
	k.replicaClocks(ctx)
	return k
}

// failoverAddr is the address that go-redis gives a client that asks sentinels.
const failoverAddr = "FailoverClient"

// demands are the demands of New.
func (k *checks) demands(clusterClient bool) {
	if k.refused != nil {
		for _, check := range []string{"version", "mode", "role", "eviction"} {
			k.addUnknown(check, "INFO", k.refused, "a user with the right +info")
		}
		return
	}
	name, version := "Redis", k.facts["redis_version"]
	if v := k.facts["valkey_version"]; v != "" {
		name, version = "Valkey", v
	}
	seen := map[string]string{"version": name + " " + version, "mode": k.facts["redis_mode"], "role": k.facts["role"]}
	var bad []string
	for _, r := range k.rules(clusterClient, false) {
		switch {
		case seen[r.check] == "":
			seen[r.check] = r.what + " " + r.got
		case r.check == "limits" && r.got != "":
			seen[r.check] += ", " + r.what + " " + r.got
		}
		if !r.ok {
			bad = append(bad, r.check)
			k.add(r.check, store.LevelUnsafe, strings.TrimSpace(r.what+" "+r.got), r.rule)
		}
	}
	for _, check := range []string{"version", "mode", "role", "eviction", "limits"} {
		switch {
		case slices.Contains(bad, check):
		case check == "limits" && k.facts["client-query-buffer-limit"] == "":
			k.addUnknown(check, "CONFIG GET", cmp.Or(k.unread, errNoSetting),
				"for client-query-buffer-limit and client-output-buffer-limit of 2 MiB or more, and maxmemory-clients of 8 MiB for each process or none")
		default:
			k.add(check, store.LevelOK, seen[check], "")
		}
	}
}

var errNoSetting = errors.New("the server does not have it")

// figure returns a number of INFO or CONFIG; 0 if it is not there.
func figure(facts map[string]string, name string) int64 {
	n, _ := strconv.ParseInt(facts[name], 10, 64)
	return n
}

// memory compares the memory in use with its limit. A server without a limit has no finding.
func (k *checks) memory() {
	used, limit := figure(k.facts, "used_memory"), figure(k.facts, "maxmemory")
	if limit == 0 {
		return
	}
	seen := fmt.Sprintf("%d%% of maxmemory %d in use", used*100/limit, limit)
	if used*10 > limit*9 {
		k.add("memory", store.LevelWarn, seen, "a full server takes no writes, and leases end: raise maxmemory")
		return
	}
	k.add("memory", store.LevelOK, seen, "")
}

// persistence is about the records that a restart loses.
func (k *checks) persistence() {
	const check = "persistence"
	fsync, known := k.settings["appendfsync"]
	switch {
	case k.refused != nil:
		k.addUnknown(check, "INFO", k.refused, "whether appendonly is yes")
	case k.facts["aof_enabled"] != "1":
		seen := "appendonly no"
		if save, ok := k.settings["save"]; ok {
			seen += fmt.Sprintf(", save %q", save)
		}
		k.add(check, store.LevelUnsafe, seen,
			"a restart forgets all leases, or all since the last snapshot, and others can take their keys at once: "+
				"set appendonly yes and appendfsync everysec; ask the provider of a managed server")
	case k.facts["aof_last_write_status"] != "ok":
		k.add(check, store.LevelUnsafe, "aof_last_write_status "+k.facts["aof_last_write_status"],
			"the server cannot write its append-only file, and takes no writes or forgets them: see its log and its disk")
	case !known:
		k.addUnknown(check, "CONFIG GET", cmp.Or(k.unread, errNoSetting),
			"whether appendfsync is everysec or always; appendonly is yes")
	case fsync == "no":
		k.add(check, store.LevelWarn, "appendonly yes, appendfsync no",
			"a crash of the machine forgets the writes of up to half a minute: set appendfsync everysec or always")
	default:
		k.add(check, store.LevelOK, "appendonly yes, appendfsync "+fsync, "")
	}
}

// replica is a line of INFO about a replica.
type replica struct {
	address string
	online  bool
}

func (k *checks) replicas() (all []replica) {
	for i := range figure(k.facts, "connected_slaves") {
		line, ok := k.facts[fmt.Sprintf("slave%d", i)]
		if !ok {
			continue
		}
		fields := make(map[string]string)
		for field := range strings.SplitSeq(line, ",") {
			name, value, _ := strings.Cut(field, "=")
			fields[name] = value
		}
		all = append(all, replica{net.JoinHostPort(fields["ip"], fields["port"]), fields["state"] == "online"})
	}
	return all
}

// replication is about the writes that a failover loses.
func (k *checks) replication(failover bool) {
	const check = "replicas"
	if k.refused != nil {
		k.addUnknown(check, "INFO", k.refused, "how many replicas the server has, and for its min-replicas-to-write")
		return
	}
	all, online := k.replicas(), 0
	for _, r := range all {
		if r.online {
			online++
		}
	}
	// INFO counts good replicas only where a number of them is demanded.
	_, demanded := k.facts["min_slaves_good_slaves"]
	least, known := k.settings["min-replicas-to-write"]
	seen := fmt.Sprintf("%d of %d online", online, len(all))
	switch {
	case known:
		seen += ", min-replicas-to-write " + least
	case demanded:
		seen += ", with a min-replicas-to-write"
	default:
		seen += ", min-replicas-to-write 0"
	}
	switch {
	case demanded && figure(k.facts, "min_slaves_good_slaves") < max(figure(k.settings, "min-replicas-to-write"), 1):
		k.add(check, store.LevelUnsafe, seen, "the server takes no writes until enough replicas are online: see their logs, or lower min-replicas-to-write")
	case len(all) == 0 && failover:
		k.add(check, store.LevelWarn, seen, "no server can take over from this one: attach a replica")
	case online < len(all):
		k.add(check, store.LevelWarn, seen, "a replica does not follow: see its log")
	case len(all) > 0 && !demanded:
		k.add(check, store.LevelWarn, seen,
			"a failover forgets the writes that no replica has yet, and another can take those keys: set min-replicas-to-write 1, or open the store with WithReplicaAck")
	default:
		k.add(check, store.LevelOK, seen, "")
	}
	silence := time.Duration(figure(k.settings, "cluster-node-timeout")) * time.Millisecond
	if k.facts["cluster_enabled"] == "1" && silence >= k.usage.TTL {
		k.add("failover", store.LevelWarn, fmt.Sprintf("cluster-node-timeout %v", silence),
			fmt.Sprintf("leases end before a failover begins: lower it, or use a TTL well above %v", silence))
	}
}

// connections is about the number, the protocol and the encryption of connections.
func (k *checks) connections() {
	connected, most := figure(k.facts, "connected_clients"), figure(k.facts, "maxclients")
	if seen := fmt.Sprintf("%d of maxclients %d", connected, most); most > 0 {
		if connected+minClients > most {
			k.add("clients", store.LevelWarn, seen, fmt.Sprintf("a process needs up to %d connections, and the server refuses those beyond maxclients: raise it", minClients))
		} else {
			k.add("clients", store.LevelOK, seen, "")
		}
	}
	o := k.master.Options()
	if seconds := figure(k.settings, "timeout"); seconds > 0 && (o.ConnMaxIdleTime <= 0 || o.ConnMaxIdleTime >= time.Duration(seconds)*time.Second) {
		k.add("timeout", store.LevelWarn, fmt.Sprintf("timeout %d, and ConnMaxIdleTime %v of the client", seconds, max(o.ConnMaxIdleTime, 0)),
			"a call on a connection that the server has just closed can be in doubt: set timeout 0, or a shorter ConnMaxIdleTime in the client's options")
	}
	protocol := cmp.Or(k.own["resp"], strconv.Itoa(o.Protocol))
	k.add("protocol", store.LevelOK, "RESP"+protocol, "")

	host, _, _ := net.SplitHostPort(cmp.Or(k.own["laddr"], k.address))
	switch ip := net.ParseIP(host); {
	case o.TLSConfig != nil && o.TLSConfig.InsecureSkipVerify && o.TLSConfig.VerifyConnection == nil && o.TLSConfig.VerifyPeerCertificate == nil:
		k.add("tls", store.LevelWarn, "TLS without a check of the server's certificate", "another can pose as the server: give its authority instead of skipping the check")
	case o.TLSConfig != nil:
		k.add("tls", store.LevelOK, "TLS", "")
	case o.Network == "unix" || ip.IsLoopback():
		k.add("tls", store.LevelOK, "none, on this machine", "")
	default:
		k.add("tls", store.LevelWarn, "none", "passwords and values cross the network in the clear: use rediss:// if the network is not trusted")
	}
}

// pace goes through the verbs, and measures round trips and the clock.
func (k *checks) pace(ctx context.Context, c connection, slot int) {
	var best checkup.Clock
	var refused error
	reads, err := checkup.Sample(ctx, func() error {
		sent := time.Now()
		now, err := k.master.Time(ctx).Result()
		if err != nil && denied(err) { // a round trip all the same
			refused = err
			return nil
		}
		if at := checkup.Read(k.address, sent, time.Now(), now, time.Microsecond); err == nil && (best.Server == "" || at.Within < best.Within) {
			best = at
		}
		return err
	})
	if best.Server == "" {
		k.addUnknown("clock", "TIME", cmp.Or(refused, err), "a user with the right +time")
	} else {
		k.findings = append(k.findings, best.Finding())
		k.clocks = append(k.clocks, best)
	}
	writes, err := k.trial(ctx, c, slot)
	switch {
	case err == nil:
		k.add("trial", store.LevelOK, "create, renew, update, get, list, publish and delete work", "")
	case denied(err):
		k.add("trial", store.LevelWarn, err.Error(), "New refuses this user, unless it is called WithoutTrial: the findings on rights have the rights that are missing")
	default:
		k.add("trial", store.LevelUnsafe, err.Error(), "New refuses the server for this")
	}
	switch {
	case len(writes) > 0:
		k.findings = append(k.findings, checkup.Latency(k.address, "renew", writes, k.usage.TTL))
	case len(reads) > 0:
		k.findings = append(k.findings, checkup.Latency(k.address, "TIME, as no renew was possible", reads, k.usage.TTL))
	}
}

// trial goes through the verbs as New does, and then renews a record for a while.
func (k *checks) trial(ctx context.Context, c connection, slot int) ([]time.Duration, error) {
	s := c.prober(k.database, k.facts["cluster_enabled"] == "1")
	defer s.Close()
	if err := s.probe(ctx, k.address, slot); err != nil {
		return nil, err
	}
	key := s.layout.root + "{" + tags()[slot] + "}"
	defer s.sweepLate(ctx, key)
	claim := store.Claim{Key: key, Value: []byte("1"), TTL: probeTTL, Nonce: store.NewNonce()}
	grant, err := s.create(ctx, claim)
	if err != nil {
		return nil, unable(k.address, "create", err)
	}
	times, err := checkup.Sample(ctx, func() error {
		results := make([]store.RenewResult, 1)
		s.renew(ctx, []store.Renewal{{Key: key, Token: grant.Token}}, results)
		return results[0].Err
	})
	if len(times) > 0 {
		err = nil // the time was up
	}
	return times, err
}

// replicaClocks reads the clocks of the replicas, which this machine may not reach.
func (k *checks) replicaClocks(ctx context.Context) {
	var mu sync.Mutex
	var all sync.WaitGroup
	for _, r := range k.replicas() {
		all.Go(func() {
			ctx, cancel := context.WithTimeout(ctx, replicaLimit)
			defer cancel()
			o := *k.master.Options()
			if o.Addr == failoverAddr {
				o.Dialer = nil // it leads to the master
			}
			o.Addr, o.DialTimeout, o.DialerRetries, o.MaxRetries, o.MinIdleConns = r.address, replicaLimit, 1, -1, 0
			client := redis.NewClient(&o)
			defer client.Close()
			_ = client.Time(ctx).Err() // for the connection
			sent := time.Now()
			now, err := client.Time(ctx).Result()
			at := checkup.Read(r.address, sent, time.Now(), now, time.Microsecond)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				f := store.Finding{Check: "clock", Server: r.address}
				k.findings = append(k.findings, unknown(f, "TIME of this replica", err, "on its machine whether NTP keeps its clock"))
				return
			}
			k.clocks = append(k.clocks, at)
			k.findings = append(k.findings, at.Finding())
		})
	}
	all.Wait()
}
