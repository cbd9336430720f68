package redisstore

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/leasehold-go/leasehold/store"
)

// listenLimit is how long a subscription may take to be confirmed.
const listenLimit = 3 * time.Second

// purpose is a use of a store, and commands that try the rights that it needs. They name keys that
// do not exist, and change nothing.
type purpose struct {
	name, loss string // loss is the effect of a missing right
	level      store.Level
	tries      [][]any
}

// purposes are the uses of a store with keys of a prefix. The keys are in a slot.
func (k *checks) purposes(l layout, slot int, clustered bool) []purpose {
	place := l.root + "{" + tags()[slot] + "}:"
	nonce, key := store.NewNonce().String(), k.newKey(slot)
	index, ends := l.index(slot), ":"+key
	fence, queue, log := place+"f"+ends, place+"q"+ends, place+"l"+ends
	request, answer := place+"r:1:1"+ends, place+"a:1:1"+ends
	const script = "return 1"
	const hash = "0000000000000000000000000000000000000000" // of no script

	read := [][]any{{"info"}, {"client", "info"}, {"strlen", fence}, {"get", fence}, {"getrange", fence, 0, 1}, {"pttl", fence}, {"getrange", l.definition(nonce), 0, 1},
		{"zrangebylex", index, "[" + nonce, "[" + nonce, "limit", 0, 1}}
	write := [][]any{{"time"}, {"evalsha", hash, 1, fence}, {"eval", script, 1, fence}, {"getex", fence}, {"set", fence, "", "xx"}, {"setrange", fence, 0, ""},
		{"del", fence}, {"pexpire", fence, 1}, {"pexpireat", fence, 1}, {"exists", index}, {"zadd", index, "xx", 0, nonce}, {"zrem", index, nonce}, {"zscore", index, nonce},
		{"set", l.definition(nonce), "", "xx"}, {"publish", l.anyone(), ""}}
	ask := [][]any{{"evalsha", hash, 1, queue}, {"zadd", queue, "xx", 0, nonce}, {"zrem", queue, nonce}, {"set", request, "", "xx"},
		{"del", request}, {"get", answer}}
	take := [][]any{{"zrange", queue, 0, 0}, {"zrem", queue, nonce}, {"del", request}, {"set", answer, "", "xx"}}
	logs := [][]any{{"xadd", log, "nomkstream", "*", "a", "b"}, {"xrange", log, "-", "+", "count", 1},
		{"xrevrange", log, "+", "-", "count", 1}, {"xdel", log, "1-1"}}
	if k.usage.Prefix != "" {
		read = append(read, []any{"strlen", key}, []any{"get", key})
		write = append(write, []any{"set", key, "", "xx"}, []any{"del", key})
	}
	all := []purpose{
		{"read", "records cannot be read", store.LevelWarn, read},
		{"write", "no lease can be taken or renewed; a program that only reads needs none of it", store.LevelWarn, write},
		{"watch", "changes are heard late, by reading again", store.LevelWarn, nil},
		{"ask", "no instance can be asked for anything", store.LevelWarn, ask},
		{"answer", "no requests can be taken", store.LevelWarn, take},
		{"logs", "activity logs stay empty", store.LevelWarn, logs},
		{"settings", "some limits and settings are not known", store.LevelUnknown, [][]any{{"config", "get", "maxclients"}}},
	}
	if clustered {
		all = append(all, purpose{"cluster", "the slots and their moves cannot be followed", store.LevelWarn, [][]any{{"cluster", "slots"}, {"asking"}}})
	}
	return all
}

// newKey returns a key of the usage that no record has.
func (k *checks) newKey(slot int) string {
	return k.usage.Prefix + "{" + tags()[slot] + "}" + store.NewNonce().String()
}

// rights tries each right of docs/operations.md.
func (k *checks) rights(ctx context.Context, c connection, slot int) {
	clustered := k.facts["cluster_enabled"] == "1" || k.refused != nil && c.cluster != nil
	l := newLayout(store.Reserved, k.database, clustered)
	for _, p := range k.purposes(l, slot, clustered) {
		var missing []string
		lacks := func(right string) {
			if right != "" && !slices.Contains(missing, right) {
				missing = append(missing, right)
			}
		}
		pipe := k.master.Pipeline()
		for _, args := range p.tries {
			pipe.Do(ctx, args...)
		}
		var answers []redis.Cmder
		if len(p.tries) > 0 {
			answers, _ = pipe.Exec(ctx)
		}
		var failure error
		for i, answer := range answers {
			err := answer.Err()
			if err != nil && isNoReply(err) {
				failure = err
				break
			}
			lacks(k.lacking(p.tries[i], err))
		}
		switch p.name {
		case "read": // by one of two scripts
			lacks(k.mayRun(ctx, l, slot, "evalsha", strings.Repeat("0", 40)))
			lacks(k.mayRun(ctx, l, slot, "eval", "return 1"))
		case "watch":
			var rights []string
			rights, failure = k.mayListen(ctx, l)
			for _, right := range rights {
				lacks(right)
			}
		}
		missing = slices.DeleteFunc(slices.Clone(missing), func(right string) bool {
			wider, reads := strings.CutPrefix(right, "%R")
			return reads && slices.Contains(missing, wider)
		})
		check := "right to " + p.name
		switch {
		case failure != nil:
			k.addUnknown(check, "trying it", failure, "with `ACL GETUSER`, or run the check again")
		case len(missing) == 0 && k.usage.Prefix == "" && (p.name == "read" || p.name == "write"):
			k.add(check, store.LevelOK, "all of them, keys of services not tried, as no prefix of keys was given", "")
		case len(missing) == 0:
			k.add(check, store.LevelOK, "all of them", "")
		default:
			k.add(check, p.level, "missing: "+strings.Join(missing, " "),
				fmt.Sprintf("%s: ACL SETUSER %s %s", p.loss, k.user(), strings.Join(missing, " ")))
		}
	}
}

// user names the user for an ACL SETUSER.
func (k *checks) user() string {
	if u := k.own["user"]; u != "" {
		return u
	}
	if u := k.master.Options().Username; u != "" {
		return u
	}
	return "default"
}

// lacking is the right that a refused command needs, as ACL SETUSER takes it, or "".
func (k *checks) lacking(args []any, err error) string {
	name := fmt.Sprint(args[0])
	switch name {
	case "client", "config", "cluster":
		name += "|" + fmt.Sprint(args[1])
	}
	switch {
	case err == nil || isNil(err):
		return ""
	case strings.Contains(err.Error(), "nknown command"), strings.Contains(err.Error(), "nknown subcommand"):
		return "+" + name + " (which the server does not have: see rename-command)"
	case !denied(err):
		return ""
	case strings.Contains(err.Error(), "to run"):
		return "+" + name
	case strings.Contains(err.Error(), "channel"):
		return "&leasehold:*"
	case strings.Contains(err.Error(), "key"):
		return k.pattern(args)
	}
	return "+" + name
}

// pattern is the pattern of keys that a command was refused for.
func (k *checks) pattern(args []any) string {
	name := fmt.Sprint(args[1])
	if verb := args[0]; verb == "eval" || verb == "evalsha" || verb == "evalsha_ro" || verb == "eval_ro" {
		name = fmt.Sprint(args[3])
	}
	access := "~"
	switch args[0] {
	case "strlen", "get", "getrange", "pttl", "zrangebylex", "zscore", "zrange", "xrange", "xrevrange", "exists", "evalsha_ro", "eval_ro":
		if atLeast(k.facts["redis_version"], 7, 0) {
			access = "%R~"
		}
	}
	if strings.HasPrefix(name, store.Reserved) {
		return access + store.Reserved + "*"
	}
	return access + strings.NewReplacer(`\`, `\\`, "*", `\*`, "?", `\?`, "[", `\[`).Replace(k.usage.Prefix) + "*"
}

// mayRun returns the right that is missing to run the script of a read. Either of EVALSHA and
// EVALSHA_RO suffices; a user without the right to write has the second.
func (k *checks) mayRun(ctx context.Context, l layout, slot int, verb, script string) (missing string) {
	fence := l.root + "{" + tags()[slot] + "}:f:" + k.newKey(slot)
	for _, name := range []string{verb, verb + "_ro"} {
		args := []any{name, script, 1, fence}
		lacking := k.lacking(args, k.master.Do(ctx, args...).Err())
		switch {
		case lacking == "":
			return ""
		case name == verb, strings.HasPrefix(lacking, "%R~"): // Redis 6.2 has no EVAL_RO
			missing = lacking
		}
	}
	return missing
}

// mayListen tries the commands of a subscription. An answer of a connection that may not listen is
// its only one, so each has a connection of its own.
func (k *checks) mayListen(ctx context.Context, l layout) (missing []string, err error) {
	channel, all := l.anyone(), store.Reserved+"*"
	for verb, send := range map[string]func(*redis.PubSub) error{
		"subscribe":    func(p *redis.PubSub) error { return p.Subscribe(ctx, channel) },
		"unsubscribe":  func(p *redis.PubSub) error { return p.Unsubscribe(ctx, channel) },
		"psubscribe":   func(p *redis.PubSub) error { return p.PSubscribe(ctx, all) },
		"punsubscribe": func(p *redis.PubSub) error { return p.PUnsubscribe(ctx, all) },
	} {
		p := k.master.Subscribe(ctx)
		err := send(p)
		if err == nil {
			_, err = p.ReceiveTimeout(ctx, listenLimit)
		}
		p.Close()
		if err != nil && isNoReply(err) {
			return nil, err
		}
		if right := k.lacking([]any{verb, channel}, err); right != "" {
			missing = append(missing, right)
		}
	}
	slices.Sort(missing)
	return missing, nil
}
