// Command holder is a small program for the tests of package process: it holds one key, and
// tells of the lease on standard output, one event a line:
//
//	waiting              before it acquires the key
//	held TOKEN           it has
//	beat TOKEN           the store confirmed a heartbeat
//	lost TOKEN CAUSE     the term ended against its will; it exits with code 4
//	released TOKEN       the term ended in order
//
// It ends on SIGTERM, or after -hold. On SIGUSR1 its wall clock goes forward by -suspend, as
// after a suspend of that length. With -turns it appends, to a file that it
// shares with others, when it began and ended to trust its term.
//
// As "holder namespace COMMAND..." it is the first process of a PID namespace: it
// mounts /proc for it and becomes the command. As "holder time COMMAND..." it becomes the
// command in a time namespace of its own. See succeed.go for "holder succeed", asked.go for
// -requests, and service.go for -service.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"github.com/leasehold-go/leasehold/e2e/internal/answered"
	"github.com/leasehold-go/leasehold/lease"
)

const exitLost = 4

func main() {
	if len(os.Args) > 2 {
		switch os.Args[1] {
		case "namespace":
			enter(os.Args[2:])
		case "time":
			shift(os.Args[2:])
		case "succeed":
			os.Exit(succeed(os.Args[2:]))
		}
	}
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "holder:", err)
		os.Exit(1)
	}
}

// settings are the flags.
type settings struct {
	store, key     string
	ttl, heartbeat time.Duration
	wait           bool
	hold, limit    time.Duration
	turns          string
	crash          bool
	suspend        time.Duration
	requests       bool
	guard, hook    time.Duration
	gate           bool
	service        bool
	later, drain   bool
}

func parse() (s settings) {
	flag.StringVar(&s.store, "store", "", "URL of the servers, as the exchange example takes it")
	flag.StringVar(&s.key, "key", "job", "key to hold")
	flag.DurationVar(&s.ttl, "ttl", time.Minute, "time to live of the record")
	flag.DurationVar(&s.heartbeat, "heartbeat", 0, "time between heartbeats; a third of -ttl if zero")
	flag.BoolVar(&s.wait, "wait", false, "wait for the key")
	flag.DurationVar(&s.hold, "hold", 0, "release the key after this time; on SIGTERM if zero")
	flag.DurationVar(&s.limit, "limit", 3*time.Minute, "end after this time, whatever comes")
	flag.StringVar(&s.turns, "turns", "", "file to append the turns to")
	flag.BoolVar(&s.crash, "crash", false, "end without a release")
	flag.DurationVar(&s.suspend, "suspend", 0, "set the wall clock forward by this on SIGUSR1")
	flag.BoolVar(&s.requests, "requests", false, "take requests; see serveRequests")
	flag.DurationVar(&s.guard, "guard", 0, "with -requests, the time that the guard takes")
	flag.DurationVar(&s.hook, "hook", 0, "with -requests, the time that the hook takes")
	flag.BoolVar(&s.gate, "gate", false, "with -requests, lose the key if the hook takes longer than a second")
	flag.BoolVar(&s.service, "service", false, "be a service with probes; see type service")
	flag.BoolVar(&s.later, "later", false, "with -service, claim the key after POST /claim")
	flag.BoolVar(&s.drain, "drain", false, "with -service, wait for POST /trouble/drain at the shutdown")
	flag.Parse()
	return s
}

// say writes one event. Beats come from goroutines of the keeper.
func say(format string, args ...any) {
	printing.Lock()
	defer printing.Unlock()
	fmt.Printf(format+"\n", args...)
}

var printing sync.Mutex

func run() error {
	s := parse()
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, s.limit)
	defer cancel()
	if s.suspend > 0 {
		if err := s.suspendOnSignal(); err != nil {
			return err
		}
	}

	if s.service {
		return s.runService(ctx)
	}
	st, closeStore, err := open(ctx, s.store)
	if err != nil {
		return err
	}
	defer closeStore()
	k, err := lease.NewKeeper(st, lease.Config{TTL: s.ttl, Heartbeat: s.heartbeat, OnRenew: func(b lease.RenewAttempt) {
		if b.Err == nil {
			say("beat %d", b.Token)
		}
	}})
	if err != nil {
		return err
	}
	defer k.Close(ctx)
	if s.requests {
		return s.serveRequests(ctx, k)
	}
	return s.serve(ctx, k)
}

// suspendOnSignal has the wall clock step on SIGUSR1.
func (s settings) suspendOnSignal() error {
	clock, err := takeWallClock()
	if err != nil {
		return err
	}
	asked := make(chan os.Signal, 1)
	signal.Notify(asked, syscall.SIGUSR1)
	go func() {
		for range asked {
			clock.step(s.suspend)
		}
	}()
	return nil
}

// serve holds the key for as long as it is to.
func (s settings) serve(ctx context.Context, k *lease.Keeper) error {
	var opts []lease.Option
	if s.wait {
		opts = append(opts, lease.WithWait())
	}
	say("waiting")
	held, err := answered.Acquire(ctx, func() (lease.Lease, error) {
		return k.Acquire(ctx, s.key, fmt.Appendf(nil, "of process %d", os.Getpid()), opts...)
	})
	if err != nil {
		return err
	}
	say("held %d", held.Token())
	if err := s.mark("begin", held); err != nil {
		return err
	}
	holding := ctx
	if s.hold > 0 {
		var cancel context.CancelFunc
		holding, cancel = context.WithTimeout(ctx, s.hold)
		defer cancel()
	}
	select {
	case <-holding.Done():
	case <-held.Done():
		say("lost %d %v", held.Token(), held.Err())
		os.Exit(exitLost)
	}
	if s.crash {
		syscall.Kill(os.Getpid(), syscall.SIGKILL)
	}
	if err := s.mark("end", held); err != nil {
		return err
	}
	released := context.WithoutCancel(ctx) // it may have ended: that was the word to release
	if _, err := answered.Acquire(released, func() (struct{}, error) { return struct{}{}, held.Release(released) }); err != nil {
		return err
	}
	say("released %d", held.Token())
	return nil
}

// mark appends a line to the file of turns: the lines of all processes come into one
// order there. A line counts only if the term can still be trusted once it is
// written; one that may have come later than that is taken back by another.
func (s settings) mark(what string, held lease.Lease) error {
	if s.turns == "" {
		return nil
	}
	file, err := os.OpenFile(s.turns, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer file.Close()
	fmt.Fprintf(file, "%s %d %d\n", what, held.Token(), os.Getpid())
	if !held.Valid() {
		fmt.Fprintf(file, "late-%s %d %d\n", what, held.Token(), os.Getpid())
	}
	return nil
}
