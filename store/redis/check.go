package redisstore

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/redis/go-redis/v9"

	"github.com/leasehold-go/leasehold/store"
)

// ServerError is the reason why New refused a server, and the remedy. It unwraps to Err and,
// if that is not nil, to [store.ErrUnavailable] and perhaps [store.ErrDenied].
type ServerError struct {
	Server string // its address
	What   string // what was looked at or tried, e.g. "maxmemory_policy" or "create"
	Got    string // what it is; may be empty
	Rule   string // what it has to be
	Err    error  // what the server or the client said; nil if the servers answered and are not as they have to be
}

func (e *ServerError) Error() string {
	text := fmt.Sprintf("redis server %s: %s", e.Server, e.What)
	if e.Got != "" {
		text += fmt.Sprintf(" %q", e.Got)
	}
	text += ": " + e.Rule
	if e.Err != nil {
		text += ": " + e.Err.Error()
	}
	return text
}

// Unwrap returns [store.ErrUnavailable] and Err, or nothing if Err is nil. If the user lacks a
// right it returns [store.ErrDenied] too.
func (e *ServerError) Unwrap() []error {
	switch {
	case e.Err == nil:
		return nil
	case denied(e.Err):
		return []error{store.ErrUnavailable, store.ErrDenied, e.Err}
	}
	return []error{store.ErrUnavailable, e.Err}
}

// unable is the error of a step that a server did not take.
func unable(address, step string, err error) *ServerError {
	var failure *store.Error
	if errors.As(err, &failure) && failure.Err != nil {
		err = failure.Err // its condition is that of the step and not of New
	}
	if refusal := new(deniedError); errors.As(err, &refusal) {
		err = refusal.cause // remedy says the rest
	}
	return &ServerError{Server: address, What: step, Rule: remedy(step, err), Err: err}
}

func remedy(step string, err error) string {
	switch {
	case strings.Contains(err.Error(), "all sentinels specified in configuration are unreachable"):
		return "a sentinel must be reachable and know the master: check MasterName, SentinelAddrs and SentinelPassword in the client's options"
	case redis.IsAuthError(err):
		return "the client's options need another user name or password"
	case denied(err) && step == "publish":
		return "the user lacks a right, +publish or the channels &leasehold:*: without both no other store hears of its changes at once"
	case denied(err):
		return "the user lacks a right; the doc of package redisstore lists them"
	case redis.IsReadOnlyError(err):
		return "the server must be a master"
	case redis.IsOOMError(err):
		return "the server must have memory for the library's records: raise maxmemory"
	case redis.IsNoReplicasError(err):
		return "the server must have the replicas that its min-replicas-to-write asks for"
	case redis.IsClusterDownError(err):
		return "the Cluster must serve all slots: redis-cli --cluster check names those without a node"
	case strings.Contains(err.Error(), "maintnotifications"), strings.Contains(err.Error(), "maint_notifications"):
		return "the server has no maintenance notifications: set MaintNotificationsConfig.Mode in the client's options to auto or disabled"
	case strings.Contains(err.Error(), "cluster support disabled"):
		return "the server is no node of a Cluster: use redis.NewClient"
	case strings.Contains(err.Error(), "nknown command"), strings.Contains(err.Error(), "unknown subcommand"), strings.Contains(err.Error(), "nknown Redis command"):
		return "the server must know this command: use Redis 6.2 or later or Valkey, without rename-command"
	case !isNoReply(err):
		return "must not be refused"
	}
	return "must answer"
}

// denied reports whether the user lacks a right, also one that a script found missing: that
// error has no code, and other words from Redis 7.2 on.
func denied(err error) bool {
	return redis.IsPermissionError(err) ||
		strings.Contains(err.Error(), "The user executing the script") ||
		strings.Contains(err.Error(), "ACL failure in script")
}

// check refuses servers that will not do. It returns the number of the database that the client
// selects, and whether the servers are a Cluster and have EVALSHA_RO. It returns as soon as the context ends;
// questions under way then end by the client's own timeouts.
func (c connection) check(ctx context.Context, o options) (database int, clustered, evalRO bool, err error) {
	var asking tasks
	var servers []server
	err = asking.try(ctx, func() (err error) {
		servers, err = c.servers(ctx, o.untried)
		return err
	})
	var known *ServerError
	switch {
	case errors.As(err, &known):
		return 0, false, false, known
	case err != nil:
		return 0, false, false, unable(c.address(), "info", err)
	}
	evalRO = true
	for i, s := range servers {
		if err := s.check(c.cluster != nil, o.allowEviction || o.untried); err != nil {
			return 0, false, false, err
		}
		if i > 0 && s.database != database {
			return 0, false, false, &ServerError{Server: s.address, What: "database", Got: strconv.Itoa(s.database),
				Rule: fmt.Sprintf("must be %d as on the other servers: change the client's OnConnect", database)}
		}
		database = s.database
		clustered = clustered || s.facts["cluster_enabled"] == "1"
		evalRO = evalRO && atLeast(s.facts["redis_version"], 7, 0)
	}
	if o.untried {
		return database, clustered, evalRO, nil
	}
	return database, clustered, evalRO, c.probe(ctx, database, clustered)
}

// server is a master with its INFO, its CLIENT INFO of this connection, and the number of the
// database that the client selects there.
type server struct {
	address  string
	facts    map[string]string
	own      map[string]string // CLIENT INFO
	database int
}

// servers asks each master, for the limits of its clients too unless the store only reads.
func (c connection) servers(ctx context.Context, untried bool) ([]server, error) {
	if c.single != nil {
		s, err := ask(ctx, c.single, untried)
		return []server{s}, err
	}
	var mu sync.Mutex
	var all []server
	err := c.cluster.ForEachMaster(ctx, func(ctx context.Context, master *redis.Client) error {
		s, err := ask(ctx, master, untried)
		mu.Lock()
		defer mu.Unlock()
		all = append(all, s)
		return err
	})
	return all, err
}

// ask reads INFO, and the limits of CONFIG if the server lets it, which managed servers do not. It
// asks for the database, because the options do not tell: any client can select one in OnConnect, and go-redis's failover
// client of the Cluster kind does. After an error the server has the answers that there were.
func ask(ctx context.Context, master *redis.Client, untried bool) (server, error) {
	s := server{address: master.Options().Addr, facts: make(map[string]string), own: make(map[string]string)}
	pipe := master.Pipeline()
	infoReply, ownReply := pipe.Info(ctx), pipe.Do(ctx, "client", "info")
	_, failure := pipe.Exec(ctx)
	info, err := infoReply.Result()
	own, ownErr := ownReply.Text()
	if err == nil && ownReply.Err() == nil {
		err = failure // go-redis does not tell the commands of a connection that was refused
	}
	for line := range strings.Lines(info) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), ":"); ok {
			s.facts[name] = value
		}
	}
	if mode := s.facts["server_mode"]; mode != "" { // of Valkey
		s.facts["redis_mode"] = mode
	}
	for _, field := range strings.Fields(own) {
		name, value, _ := strings.Cut(field, "=")
		s.own[name] = value
	}
	if err != nil {
		return s, unable(s.address, "info", err)
	}
	if !untried {
		if limits, err := master.ConfigGet(ctx, "*client*").Result(); err == nil {
			maps.Copy(s.facts, limits)
		} // else the user may not read them
	}
	if ownErr != nil {
		return s, unable(s.address, "client info", ownErr)
	}
	if s.database, err = strconv.Atoi(s.own["db"]); err != nil {
		return s, unable(s.address, "client info", odd(own))
	}
	return s, nil
}

// rule is a demand on a server.
type rule struct {
	check string // the name of its finding
	what  string // the name of the setting, as INFO or CONFIG has it
	got   string // its value; empty if it is not known
	ok    bool
	rule  string // the demand, and the remedy
}

// check refuses a server that breaks a rule.
func (s server) check(clusterClient, allowEviction bool) error {
	for _, r := range s.rules(clusterClient, allowEviction) {
		if !r.ok {
			return &ServerError{Server: s.address, What: r.what, Got: r.got, Rule: r.rule}
		}
	}
	return nil
}

// rules are the demands of New. The names come from INFO and CONFIG.
func (s server) rules(clusterClient, allowEviction bool) []rule {
	f := s.facts
	return append([]rule{
		{"version", "redis_version", f["redis_version"], f["redis_version"] != "",
			"must be in the answer to INFO: connect to a Redis or Valkey server itself, with the right to all of INFO"},
		{"version", "redis_version", f["redis_version"], atLeast(f["redis_version"], 6, 2), "must be 6.2 or later"},
		{"mode", "redis_mode", f["redis_mode"], f["redis_mode"] != "sentinel",
			"must not be sentinel: use redis.NewFailoverClient with this address in SentinelAddrs"},
		{"role", "role", f["role"], f["role"] == "master",
			"must be master: connect to its master, through redis.NewFailoverClient if there are sentinels"},
		{"mode", "cluster_enabled", f["cluster_enabled"], clusterClient || f["cluster_enabled"] != "1",
			"must be 0 for a *redis.Client: use redis.NewClusterClient for a Cluster"},
		{"eviction", "maxmemory_policy", f["maxmemory_policy"], allowEviction || f["maxmemory_policy"] == "noeviction",
			"must be noeviction, or a record can end before its time: change it, or accept that with WithEvictionAllowed"},
	}, s.limits()...)
}

// The least limits of a server, if they are known: below them a call can fail. A pipeline has at
// most one value of store.MaxValue, or as many bytes of smaller ones, on its way there, and as
// many on its way back.
const (
	minClients      = maxPipelines + maxSlow + 2 // with the subscription and what New asks
	minQueryBuffer  = 2 * store.MaxValue
	minOutputBuffer = 2 * store.MaxValue
	minClientMemory = 8 * store.MaxValue
)

// limits are the demands that keep a server from closing connections in the middle of a call.
func (s server) limits() (rules []rule) {
	normal := strings.Fields(s.facts["client-output-buffer-limit"]) // class, hard, soft, seconds; class ...
	if at := slices.Index(normal, "normal"); at >= 0 {
		normal = normal[at:]
	}
	output := ""
	if len(normal) > 1 {
		output = normal[1]
	}
	memory := s.facts["maxmemory-clients"]
	if percent, ok := strings.CutSuffix(memory, "%"); ok {
		part, _ := strconv.ParseFloat(percent, 64)
		all, _ := strconv.ParseFloat(s.facts["maxmemory"], 64)
		memory = strconv.FormatFloat(part*all/100, 'f', 0, 64)
	}
	for _, limit := range []struct {
		what, got string
		least     int64
	}{
		{"maxclients", s.facts["maxclients"], minClients},
		{"client-query-buffer-limit", s.facts["client-query-buffer-limit"], minQueryBuffer},
		{"client-output-buffer-limit normal", output, minOutputBuffer},
		{"maxmemory-clients", memory, minClientMemory},
	} {
		got, err := strconv.ParseInt(limit.got, 10, 64)
		rules = append(rules, rule{"limits", limit.what, limit.got, err != nil || got <= 0 || got >= limit.least, // 0 is no limit
			fmt.Sprintf("must be at least %d: with less, the server refuses or closes connections that the store needs", limit.least)})
	}
	return rules
}

// atLeast compares a version, for example "7.0.15".
func atLeast(version string, major, minor int) bool {
	var a, b int
	if n, _ := fmt.Sscanf(version, "%d.%d", &a, &b); n != 2 {
		return false
	}
	return a > major || a == major && b >= minor
}
