// Command service is a whole service to copy: one instance at a time works under a key, others
// wait for it, and a supervisor (systemd, Kubernetes) starts it, probes it, stops it and starts it
// again. docs/service.md has the files of the supervisor.
//
//	go run ./examples/service -store redis://localhost:6379 -out /tmp/work
//
// Its work is a line a second at the end of the file -out. It answers /livez, /readyz and /statusz
// at -http.
//
// Exit codes: 0 told to end, and ended; 78 a restart does not help: flags, a refused
// configuration, or a key that another program uses; 1 anything else. Code 2 is not used, because
// the Go runtime exits with it after a panic and after SIGABRT, the signal of systemd's watchdog.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/leasehold-go/leasehold/fsm"
	"github.com/leasehold-go/leasehold/lease"
	"github.com/leasehold-go/leasehold/registry"
	"github.com/leasehold-go/leasehold/registry/probe"
	"github.com/leasehold-go/leasehold/store"
	"github.com/leasehold-go/leasehold/store/storeurl"
)

const (
	exitFailure = 1
	exitConfig  = 78 // EX_CONFIG of sysexits.h, which systemd knows by this name
)

type State string

const (
	Starting State = "starting"
	Active   State = "active"
	Stopping State = "stopping"
)

var lifecycle = fsm.MustDefine(Starting, fsm.Table[State]{
	Starting: {Active, Stopping},
	Active:   {Stopping},
	Stopping: {},
})

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := run(ctx, os.Args[1:])
	switch {
	case err == nil, errors.Is(err, flag.ErrHelp):
		return
	case errors.Is(err, errFlags), errors.Is(err, store.ErrInvalid), errors.Is(err, store.ErrForeign):
		slog.Error("cannot run", "error", err)
		os.Exit(exitConfig)
	}
	slog.Error("failed", "error", err)
	os.Exit(exitFailure)
}

var errFlags = errors.New("flags")

func run(ctx context.Context, args []string) (err error) {
	flags := flag.NewFlagSet("service", flag.ContinueOnError)
	url := flags.String("store", "memory:", "`URL` of the store")
	key := flags.String("key", "example:service", "key to hold")
	address := flags.String("http", "127.0.0.1:8080", "`address` of the probes")
	ttl := flags.Duration("ttl", lease.DefaultTTL, "time to live of the key; a heartbeat is a third of it")
	alive := flags.Duration("alive", 30*time.Second, "longest time that a piece of work may take")
	out := flags.String("out", "/dev/null", "`file` to which the work is appended")
	if err := flags.Parse(args); err != nil {
		return errors.Join(errFlags, err)
	}

	health := &registry.Health[State]{
		ReadyIn: []State{Active}, ReadyWhileWaiting: true,
		AliveWithin: *alive, StuckAfter: *alive, Gate: true,
	}
	mux := http.NewServeMux()
	mux.Handle("/livez", probe.Live(health))
	mux.Handle("/readyz", probe.Ready(health))
	mux.Handle("/statusz", probe.Status(health))
	listener, err := net.Listen("tcp", *address)
	if err != nil {
		return err
	}
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	defer func() { // the last step of a shutdown
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		err = errors.Join(err, server.Shutdown(ctx))
		if cause := <-served; cause != http.ErrServerClosed {
			err = errors.Join(err, cause)
		}
	}()
	defer notify(ctx, health)()

	st, closeStore, err := open(ctx, *url)
	switch {
	case err != nil && ctx.Err() != nil:
		return nil // told to end before it had a store
	case err != nil:
		return err
	}
	defer func() { err = errors.Join(err, closeStore()) }()
	keeper, err := lease.NewKeeper(st, lease.Config{TTL: *ttl, Heartbeat: *ttl / 3})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, keeper.Close(ctx)) }()

	cfg := registry.Config[State, struct{}]{
		Key: *key, Wait: true, Reclaim: registry.ReclaimDead, Health: health,
		LeavePath: []State{Stopping},
	}
	return registry.Supervise(ctx, keeper, lifecycle, cfg, func(ctx context.Context, i *registry.Instance[State, struct{}]) error {
		if err := i.Transition(ctx, Active); err != nil {
			return err
		}
		return work(ctx, *out, i.Lease(), health.Alive)
	})
}

// open opens the store, and tries again while it cannot be reached: the probes have an answer meanwhile.
func open(ctx context.Context, url string) (store.Store, func() error, error) {
	for {
		st, closeStore, err := storeurl.Open(ctx, url)
		if !errors.Is(err, store.ErrUnavailable) || errors.Is(err, store.ErrDenied) {
			return st, closeStore, err
		}
		slog.Warn("the store cannot be opened yet", "error", err)
		select {
		case <-time.After(time.Second):
		case <-ctx.Done():
			return nil, nil, ctx.Err()
		}
	}
}

// work appends a line with the token and the time to a file each second, until ctx ends: the
// service was told to end, or has lost its lease.
func work(ctx context.Context, file string, l lease.Lease, alive func()) error {
	for {
		alive()
		f, err := os.OpenFile(file, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintln(f, l.Token(), time.Now().Format(time.RFC3339))
		if err := errors.Join(err, f.Close()); err != nil {
			return err
		}
		select {
		case <-time.After(time.Second):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
