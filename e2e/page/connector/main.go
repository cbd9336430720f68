// Command connector is the instances of the tests of package page: it holds -count keys below
// -prefix, moves them at random -rate times a second in all, and does as standard input says, a JSON
// object a line. It answers each with a line: ok, or an error.
//
//	{"do":"move","key":K,"to":STATE,"cause":TEXT}
//	{"do":"error","key":K,"text":TEXT}
//	{"do":"note","key":K,"text":TEXT}     sets a field of the payload
//	{"do":"more","key":K,"more":JSON}     sets another, of any kind
//	{"do":"deep","key":K,"levels":N}      sets it to so many objects in each other
//	{"do":"leave","key":K}
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/leasehold-go/leasehold/fsm"
	"github.com/leasehold-go/leasehold/lease"
	"github.com/leasehold-go/leasehold/registry"
	"github.com/leasehold-go/leasehold/store/storeurl"
)

type feed struct {
	Feed   string          `json:"feed"`
	Pairs  int             `json:"pairs"`
	Note   string          `json:"note,omitempty"`
	More   json.RawMessage `json:"more,omitempty"`
	Limits limits          `json:"limits"`
	Hosts  []string        `json:"hosts"`
}

type limits struct {
	Orders int  `json:"orders"`
	Live   bool `json:"live"`
}

var restart = fsm.NewEvent[string]("restart")

// long is a state whose name is wider than a telephone.
const long = "awaiting-the-confirmation-of-the-counterparty-by-the-clearing-house-of-the-exchange"

var lifecycle = fsm.MustDefine("idle", fsm.Table[string]{
	"idle":           {"connecting", "stopped", long},
	long:             {"idle"},
	"connecting":     {"authenticating", "error"},
	"authenticating": {"active", "error"},
	"active":         {"reconnecting", "connecting"},
	"reconnecting":   {"authenticating", "error"},
	"online":         {"stopping"},
	"error":          {"connecting", "stopping"},
	"stopping":       {"stopped"},
	"stopped":        {},
},
	fsm.Substates("online", "connecting", "authenticating", "active", "reconnecting"),
	fsm.On(restart, fsm.From("error", "active"), "connecting"),
	fsm.Guard("stopping", "flat", func(ctx context.Context, t fsm.Transition[string]) error {
		if t.Cause == "at once" {
			return errors.New("3 orders are open")
		}
		return nil
	}),
	fsm.Final("stopped"))

type instance = registry.Instance[string, feed]

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "connector:", err)
		os.Exit(1)
	}
}

func run() error {
	url := flag.String("store", "", "URL of the store")
	prefix := flag.String("prefix", "exchange:", "what the keys begin with")
	count := flag.Int("count", 1, "keys")
	first := flag.Int("first", 1, "number of the first")
	rate := flag.Float64("rate", 0, "random changes a second")
	moving := flag.Duration("moving", 24*time.Hour, "for how long there are random changes")
	ttl := flag.Duration("ttl", 15*time.Second, "time to live")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()

	st, closeStore, err := storeurl.Open(ctx, *url)
	if err != nil {
		return err
	}
	defer closeStore()
	k, err := lease.NewKeeper(st, lease.Config{TTL: *ttl})
	if err != nil {
		return err
	}
	defer k.Close(context.Background())

	instances := make(map[string]*instance)
	var keys []string
	venues := []string{"binance", "kraken", "coinbase", "okx", "bybit", "bitstamp", "gemini", "kucoin"}
	for n := *first; n < *first+*count; n++ {
		venue := venues[n%len(venues)]
		key := fmt.Sprintf("%s%d:%s", *prefix, n, venue)
		i, err := registry.Register(ctx, k, lifecycle, registry.Config[string, feed]{
			Key: key, Instance: fmt.Sprintf("%s-%d", venue, n), Host: fmt.Sprintf("fra-%d", n%5+1),
			Payload: feed{Feed: []string{"trades", "book", "quotes"}[n%3], Pairs: 12 + n%30, Limits: limits{50, true}, Hosts: []string{"ws-1", "ws-2"}},
			Log:     &registry.Log{Entries: 200},
			Requests: &registry.Requests[string]{
				States: []string{"connecting", "stopping", "stopped"},
				Events: []registry.RequestableEvent[string]{registry.Requestable[string](restart)},
			},
		})
		if err != nil {
			return err
		}
		instances[key] = i
		keys = append(keys, key)
	}
	fmt.Println("ready", strings.Join(keys, " "))

	if *rate > 0 {
		go wander(ctx, instances, keys, *rate, *moving)
	}
	lines := make(chan string)
	go func() {
		defer close(lines)
		in := bufio.NewScanner(os.Stdin)
		in.Buffer(nil, 1<<21)
		for in.Scan() {
			lines <- in.Text()
		}
	}()
	for {
		select {
		case <-ctx.Done():
			return nil
		case line, open := <-lines:
			if !open {
				return nil
			}
			if err := obey(ctx, instances, line); err != nil {
				fmt.Println("error:", strings.ReplaceAll(err.Error(), "\n", "; "))
			} else {
				fmt.Println("ok")
			}
		}
	}
}

func obey(ctx context.Context, instances map[string]*instance, line string) error {
	var order struct {
		Do, Key, To, Cause, Text string
		More                     json.RawMessage
		Levels                   int
	}
	if err := json.Unmarshal([]byte(line), &order); err != nil {
		return err
	}
	i := instances[order.Key]
	if i == nil {
		return fmt.Errorf("no key %q here", order.Key)
	}
	switch order.Do {
	case "move":
		return i.TransitionWithCause(ctx, order.To, order.Cause)
	case "error":
		return i.RecordError(ctx, errors.New(order.Text))
	case "note":
		return i.Update(ctx, func(f *feed) { f.Note = order.Text })
	case "more":
		return i.Update(ctx, func(f *feed) { f.More = order.More })
	case "deep":
		return i.Update(ctx, func(f *feed) {
			f.More = json.RawMessage(strings.Repeat(`{"a":`, order.Levels) + `"the innermost"` + strings.Repeat("}", order.Levels))
		})
	case "leave":
		return i.Deregister(ctx)
	}
	return fmt.Errorf("cannot %q", order.Do)
}

// wander moves instances at random, and as evenly in time as it can.
func wander(ctx context.Context, instances map[string]*instance, keys []string, rate float64, moving time.Duration) {
	ctx, stop := context.WithTimeout(ctx, moving)
	defer stop()
	every := time.Duration(float64(time.Second) / rate)
	room := make(chan struct{}, 100)
	next := time.NewTicker(every)
	defer next.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-next.C:
		}
		i := instances[keys[rand.IntN(len(keys))]]
		var to []string
		for _, state := range i.Machine().Next() {
			if state != "error" && state != "stopping" && state != "stopped" && state != long {
				to = append(to, state)
			}
		}
		if len(to) == 0 {
			continue
		}
		select {
		case room <- struct{}{}:
			go func() {
				defer func() { <-room }()
				_ = i.TransitionWithCause(ctx, to[rand.IntN(len(to))], "") // another may have moved it
			}()
		default: // the store is slower than that
		}
	}
}
