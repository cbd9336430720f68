package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/leasehold-go/leasehold/fsm"
	"github.com/leasehold-go/leasehold/lease"
	"github.com/leasehold-go/leasehold/observe/leaseholdprom"
	"github.com/leasehold-go/leasehold/registry"
	"github.com/leasehold-go/leasehold/registry/probe"
	"github.com/leasehold-go/leasehold/store"
)

// Times of a service with -service.
const (
	stuckAfter = 3 * time.Second // of a hook, and of serve without a call of Alive
	beatEvery  = 50 * time.Millisecond
	workEvery  = 20 * time.Millisecond
)

// service is a program as a user writes it: supervised, with a gate, probes and metrics. It is in
// trouble when it is told to, by POST /trouble/NAME:
//
//	stick-serve, panic-serve     the serve function does not return, or panics
//	stick-hook, panic-hook       so does a hook: on a goroutine of its own, and called by serve
//	panic-timeout                a hook of a timeout panics
//	report, recover              the service says that it is not healthy, or that it is again
//	drain                        with -drain, ends what serve waits for at the shutdown
type service struct {
	settings
	health   *registry.Health[string]
	metrics  *leaseholdprom.Metrics
	troubles chan string
	hook     string // the trouble of the next hook
	claims   chan struct{}
}

var errReported = errors.New("queue stuck")

// runService serves HTTP first, and opens the store then: it can be down.
func (s settings) runService(ctx context.Context) error {
	sv := &service{
		settings: s,
		health:   &registry.Health[string]{ReadyIn: []string{"active"}, StuckAfter: stuckAfter, AliveWithin: stuckAfter, Gate: true},
		troubles: make(chan string), claims: make(chan struct{}),
	}
	reg := prometheus.NewRegistry()
	var err error
	if sv.metrics, err = leaseholdprom.New(reg); err != nil {
		return err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	web := http.NewServeMux()
	web.Handle("/livez", probe.Live(sv.health))
	web.Handle("/readyz", probe.Ready(sv.health))
	web.Handle("/status", probe.Status(sv.health))
	web.Handle("/metrics", promhttp.HandlerFor(reg, promhttp.HandlerOpts{}))
	web.HandleFunc("POST /trouble/{name}", func(_ http.ResponseWriter, r *http.Request) {
		switch name := r.PathValue("name"); name {
		case "report":
			sv.health.Report(errReported)
		case "recover":
			sv.health.Report(nil)
		default:
			select {
			case sv.troubles <- name: // to serve
			case <-r.Context().Done():
			}
		}
	})
	web.HandleFunc("POST /claim", func(http.ResponseWriter, *http.Request) { close(sv.claims) })
	go http.Serve(l, web)
	say("web http://%s", l.Addr())
	if s.turns != "" {
		go sv.work()
	}

	var st store.Store
	var closeStore func()
	for {
		var err error
		if st, closeStore, err = open(ctx, s.store); err == nil {
			break
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(100 * time.Millisecond):
		}
	}
	defer closeStore()
	say("opened")
	if s.later {
		<-sv.claims
	}
	k, err := sv.metrics.NewKeeper(st, lease.Config{TTL: s.ttl, Heartbeat: s.heartbeat})
	if err != nil {
		return err
	}
	defer k.Close(ctx)
	return sv.supervise(ctx, k)
}

func (sv *service) supervise(ctx context.Context, k *lease.Keeper) error {
	def, err := fsm.Define("idle", fsm.Table[string]{"idle": {"active"}, "active": {"resting", "dozing"}, "dozing": {"resting"}, "resting": {"active"}},
		fsm.Timeout("dozing", 10*time.Millisecond, "resting"),
		fsm.Before(func(_ context.Context, t fsm.Transition[string]) error {
			switch {
			case t.To != "resting":
				return nil
			case sv.hook == "stick-hook":
				select {}
			}
			panic("hook")
		}))
	if err != nil {
		return err
	}
	cfg := registry.Config[string, none]{
		Key: sv.key, Wait: sv.wait, Health: sv.health,
		LeaveTimeout: 5 * time.Second, // until the record of a lost lease is gone: before, its service would claim it again
		Observers:    []registry.Observer{sv.metrics, saying{}},
	}
	return registry.Supervise(ctx, k, def, cfg, sv.serve)
}

func (sv *service) serve(ctx context.Context, i *registry.Instance[string, none]) error {
	if err := i.Transition(ctx, "active"); err != nil {
		return err
	}
	beat := time.NewTicker(beatEvery)
	defer beat.Stop()
	done, ending := ctx.Done(), false
	for {
		select {
		case <-beat.C:
			sv.health.Alive()
		case <-done:
			if lost := i.Lease().Err(); !sv.drain || lost != nil {
				return ctx.Err()
			}
			done, ending = nil, true
		case trouble := <-sv.troubles:
			switch sv.hook = trouble; trouble {
			case "stick-serve":
				select {}
			case "panic-serve":
				panic("serve")
			case "stick-hook":
				go i.Transition(context.WithoutCancel(ctx), "resting")
			case "panic-hook":
				return i.Transition(ctx, "resting")
			case "panic-timeout":
				if err := i.Transition(ctx, "dozing"); err != nil {
					return err
				}
			case "drain":
				if ending {
					return ctx.Err()
				}
			}
		}
	}
}

// work stands for the work of a service: while it is ready, it adds lines to a file that all
// services share. A line counts only if it is ready under the same token once the line is written.
func (sv *service) work() {
	file, err := os.OpenFile(sv.turns, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		fail("open the file of work", err)
	}
	for ; ; time.Sleep(workEvery) {
		before := sv.health.Status()
		if before.Ready != nil {
			continue
		}
		fmt.Fprintf(file, "work %d %d\n", before.Token, os.Getpid())
		if after := sv.health.Status(); after.Ready != nil || after.Token != before.Token {
			fmt.Fprintf(file, "late %d %d\n", before.Token, os.Getpid())
		}
	}
}

// saying is an observer that prints each notice.
type saying struct{}

func (saying) Observe(_ context.Context, n registry.Notice) {
	switch n.Kind {
	case registry.NoticeLost, registry.NoticeRestart, registry.NoticeRegistered, registry.NoticeLeft:
		say("%s %d %v", n.Kind, n.Token, n.Err)
	}
}
