// Command measures the command leasehold beside redis-cli, etcdctl and a program that reads the same
// keys by hand, on a Redis server and an etcd member of its own, and compares it with the targets:
//
//	go run .                  # everything; three minutes
//	go run . -only ls,start   # some: ls, start, watch
//	go run . -rounds 5 -for 10s
//	go run . -only watch -full -for 10m   # the memory of watch; half an hour
//
// It runs in the directory of the module bench/command and needs redis-server. redis-cli and etcdctl
// (Debian: redis-tools, etcd-client) are compared if they are there. Every load ends by itself.
//
// Contenders take turns within a round, and ratios are formed within a round. The CPU time and
// memory of watch are read from /proc.
package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/netip"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/creack/pty"
	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/logging"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"

	"github.com/leasehold-go/leasehold/e2e/etcdtest"
	"github.com/leasehold-go/leasehold/fsm"
	"github.com/leasehold-go/leasehold/internal/figures"
	"github.com/leasehold-go/leasehold/internal/redistest"
	"github.com/leasehold-go/leasehold/lease"
	"github.com/leasehold-go/leasehold/registry"
	"github.com/leasehold-go/leasehold/store/storeurl"
)

const (
	command = "github.com/leasehold-go/leasehold/cmd/leasehold"
	member  = "github.com/leasehold-go/leasehold/e2e/etcdtest/etcdmember"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	redis.SetLogger(&logging.VoidLogger{})
	var err error
	switch {
	case len(os.Args) == 3 && os.Args[1] == "by-hand":
		err = byHand(ctx, os.Args[2])
	case len(os.Args) == 3 && os.Args[1] == "by-hand-on-etcd":
		err = byHandOnEtcd(ctx, os.Args[2])
	default:
		err = run(ctx, os.Args[1:])
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "command:", err)
		os.Exit(1)
	}
}

// bench is a run.
type bench struct {
	rounds    int
	instances int
	rate      int           // changes a second
	watched   time.Duration // for how long watch is observed
	full      bool          // whether histories are full before that
	changed   atomic.Int64  // changes that were made
	dir       string
	program   string // the command
}

func run(ctx context.Context, args []string) (err error) {
	b := &bench{}
	flags := flag.NewFlagSet("command", flag.ContinueOnError)
	only := flags.String("only", "ls,start,watch", "what to measure")
	flags.IntVar(&b.rounds, "rounds", 15, "turns of each contender")
	flags.IntVar(&b.instances, "instances", 10_000, "instances that ls and watch show")
	flags.IntVar(&b.rate, "rate", 1000, "changes a second while watch is observed")
	flags.DurationVar(&b.watched, "for", 40*time.Second, "how long watch is observed, each on a terminal and in a pipe")
	flags.BoolVar(&b.full, "full", false, "fill the histories of all instances before watch is observed, because values grow until then")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if b.dir, err = os.MkdirTemp("", "command"); err != nil {
		return err
	}
	defer os.RemoveAll(b.dir)
	if b.program, err = b.build(ctx, command, "leasehold"); err != nil {
		return err
	}
	server, err := redistest.Run(filepath.Join(b.dir, "redis"))
	if err != nil {
		return err
	}
	defer server.Stop()
	fmt.Printf("load: %s\n", figures.Load())
	for _, part := range []struct {
		name    string
		measure func(context.Context, *redistest.Instance) error
	}{{"start", b.start}, {"ls", b.ls}, {"watch", b.watch}} {
		if slices.Contains(strings.Split(*only, ","), part.name) {
			if err := part.measure(ctx, server); err != nil {
				return fmt.Errorf("%s: %w", part.name, err)
			}
		}
	}
	fmt.Printf("load: %s\n", figures.Load())
	return ctx.Err()
}

// build builds a program of the workspace.
func (b *bench) build(ctx context.Context, path, name string) (string, error) {
	program := filepath.Join(b.dir, name)
	if text, err := exec.CommandContext(ctx, "go", "run", "-exec", "cp", path, program).CombinedOutput(); err != nil {
		return "", fmt.Errorf("build of %s: %w: %s", path, err, text)
	}
	return program, nil
}

// contender is a program with its arguments.
type contender struct {
	name string
	args []string
}

// compare runs contenders in turns, and prints the time of each as a multiple of that of the second.
func (b *bench) compare(ctx context.Context, what string, limit float64, ours, peer contender) error {
	took := make(map[string][]float64)
	var ratios []float64
	for round := range b.rounds {
		for i := range 2 {
			c := []contender{ours, peer}[(round+i)%2]
			began := time.Now()
			if text, err := exec.CommandContext(ctx, c.args[0], c.args[1:]...).CombinedOutput(); err != nil {
				return fmt.Errorf("%v: %w: %.300s", c.args, err, text)
			}
			took[c.name] = append(took[c.name], time.Since(began).Seconds()*1000)
		}
		ratios = append(ratios, took[ours.name][round]/took[peer.name][round])
	}
	ratio := figures.SpreadOf(ratios)
	fmt.Printf("%s: %s of %s (goal %g×: %s); %s ms and %s ms\n", what, ratio.Text("×"), peer.name, limit,
		verdict(ratio.Median <= limit), figures.SpreadOf(took[ours.name]).Text(""), figures.SpreadOf(took[peer.name]).Text(""))
	return nil
}

func verdict(met bool) string {
	if met {
		return "met"
	}
	return "missed"
}

// start compares the time from start to the end of a read of one key.
func (b *bench) start(ctx context.Context, server *redistest.Instance) error {
	client := redis.NewClient(&redis.Options{Addr: server.Addr()})
	defer client.Close()
	if err := client.Set(ctx, "start", "value", 0).Err(); err != nil {
		return err
	}
	if cli, err := exec.LookPath("redis-cli"); err == nil {
		_, port, _ := strings.Cut(server.Addr(), ":")
		ours := contender{"leasehold", []string{b.program, "--store", server.URL(), "get", "start"}}
		if err := b.compare(ctx, "start, Redis", 2, ours, contender{"redis-cli", []string{cli, "-p", port, "GET", "start"}}); err != nil {
			return err
		}
	} else {
		fmt.Println("start, Redis: redis-cli is not there")
	}
	ctl, err := exec.LookPath("etcdctl")
	if err != nil {
		fmt.Println("start, etcd: etcdctl is not there")
		return nil
	}
	etcd, err := b.etcd(ctx)
	if err != nil {
		return err
	}
	defer etcd.Stop()
	writer, err := clientv3.New(clientv3.Config{Endpoints: etcd.Endpoints(), Logger: zap.NewNop()})
	if err != nil {
		return err
	}
	defer writer.Close()
	if _, err := writer.Put(ctx, "start", "value"); err != nil {
		return err
	}
	ours := contender{"leasehold", []string{b.program, "--store", etcd.URL(), "get", "start"}}
	return b.compare(ctx, "start, etcd", 2, ours, contender{"etcdctl", []string{ctl, "--endpoints", etcd.Endpoints()[0], "get", "start"}})
}

// etcd starts a member.
func (b *bench) etcd(ctx context.Context) (*etcdtest.Instances, error) {
	program, err := b.build(ctx, member, "etcdmember")
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp(b.dir, "etcd")
	if err != nil {
		return nil, err
	}
	return etcdtest.Run(dir, []string{program}, etcdtest.Settings{})
}

var lifecycle = fsm.MustDefine("idle", fsm.Table[string]{"idle": {"active"}, "active": {"idle"}})

type payload struct {
	Feed string `json:"feed"`
}

func loopback(context.Context) (netip.Addr, error) {
	return netip.AddrFrom4([4]byte{127, 0, 0, 1}), nil
}

// fleet registers the instances. end releases them.
func (b *bench) fleet(ctx context.Context, url string) (all []*registry.Instance[string, payload], end func(), err error) {
	st, closeStore, err := storeurl.Open(ctx, url)
	if err != nil {
		return nil, nil, err
	}
	keeper, err := lease.NewKeeper(st, lease.Config{TTL: 5 * time.Minute})
	if err != nil {
		closeStore()
		return nil, nil, err
	}
	end = func() {
		late, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		keeper.Close(late)
		closeStore()
	}
	all = make([]*registry.Instance[string, payload], b.instances)
	if err := b.each(func(i int) (err error) {
		all[i], err = registry.Register(ctx, keeper, lifecycle, registry.Config[string, payload]{
			Key: fmt.Sprintf("fleet:%05d", i), Payload: payload{"trades"}, PublicIP: loopback,
		})
		return err
	}); err != nil {
		end()
		return nil, nil, err
	}
	return all, end, nil
}

// each calls f for each instance, for some at a time.
func (b *bench) each(f func(i int) error) error {
	errs := make([]error, 64)
	var callers sync.WaitGroup
	for c := range errs {
		callers.Go(func() {
			for i := c; i < b.instances && errs[c] == nil; i += len(errs) {
				errs[c] = f(i)
			}
		})
	}
	callers.Wait()
	return errors.Join(errs...)
}

// move changes the state of an instance.
func move(ctx context.Context, i *registry.Instance[string, payload]) error {
	to := "active"
	if i.State() == to {
		to = "idle"
	}
	return i.Transition(ctx, to)
}

// ls compares a list of all instances with a program that reads the same keys by hand.
func (b *bench) ls(ctx context.Context, server *redistest.Instance) error {
	if err := b.lsOf(ctx, "Redis", server.URL(), "a pipeline by hand", "by-hand", server.Addr()); err != nil {
		return err
	}
	etcd, err := b.etcd(ctx)
	if err != nil {
		return err
	}
	defer etcd.Stop()
	return b.lsOf(ctx, "etcd", etcd.URL(), "one read by hand", "by-hand-on-etcd", etcd.Endpoints()[0])
}

// lsOf compares a list of a store with this program and its arguments.
func (b *bench) lsOf(ctx context.Context, name, url, peer string, args ...string) error {
	_, end, err := b.fleet(ctx, url)
	if err != nil {
		return err
	}
	defer end()
	self, err := os.Executable()
	if err != nil {
		return err
	}
	return b.compare(ctx, fmt.Sprintf("ls of %d instances, %s", b.instances, name), 1.5,
		contender{"leasehold", []string{b.program, "--store", url, "ls", "fleet:"}}, contender{peer, append([]string{self}, args...)})
}

// watch observes the process of watch, on a terminal and in a pipe, while instances change.
func (b *bench) watch(ctx context.Context, server *redistest.Instance) error {
	all, end, err := b.fleet(ctx, server.URL())
	if err != nil {
		return err
	}
	defer end()
	if b.full {
		if err := b.each(func(i int) error {
			for range 50 { // a machine keeps as many
				if err := move(ctx, all[i]); err != nil {
					return err
				}
			}
			return nil
		}); err != nil {
			return err
		}
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var load sync.WaitGroup
	defer load.Wait()
	defer cancel()
	changes := make(chan int)
	for range 16 {
		load.Go(func() {
			for i := range changes {
				if move(ctx, all[i]) == nil {
					b.changed.Add(1)
				}
			}
		})
	}
	load.Go(func() {
		defer close(changes)
		tick := time.NewTicker(10 * time.Millisecond)
		defer tick.Stop()
		for n := 0; ; {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			for range b.rate / 100 {
				select {
				case changes <- n % len(all):
					n++
				case <-ctx.Done():
					return
				}
			}
		}
	})
	for _, where := range []string{"a terminal", "a pipe"} {
		c := exec.Command(b.program, "--store", server.URL(), "watch")
		out, err := begin(c, where == "a terminal")
		if err != nil {
			return err
		}
		go io.Copy(io.Discard, out)
		err = b.observe(ctx, "watch on "+where, c.Process.Pid)
		_ = c.Process.Signal(os.Interrupt)
		_ = c.Wait()
		out.Close()
		if err != nil {
			return err
		}
	}
	return nil
}

func begin(c *exec.Cmd, terminal bool) (io.ReadCloser, error) {
	if terminal {
		return pty.StartWithSize(c, &pty.Winsize{Rows: 50, Cols: 160})
	}
	out, err := c.StdoutPipe()
	if err != nil {
		return nil, err
	}
	return out, c.Start()
}

// observe prints the share of one core that a process uses, and its memory after each tenth of the time.
func (b *bench) observe(ctx context.Context, what string, pid int) error {
	sleep(ctx, 5*time.Second) // for the first read of all
	cpu, err := cpuTime(pid)
	if err != nil {
		return err
	}
	began, changed := time.Now(), b.changed.Load()
	var memory []int
	for range 10 {
		sleep(ctx, b.watched/10)
		n, err := resident(pid)
		if err != nil {
			return err
		}
		memory = append(memory, n>>20)
	}
	after, err := cpuTime(pid)
	if err != nil {
		return err
	}
	took := time.Since(began).Seconds()
	share, rate := (after-cpu).Seconds()/took, float64(b.changed.Load()-changed)/took
	fmt.Printf("%s: %d instances, %.0f changes a second: %.2f of a core (goal 0.2: %s), memory %d MiB\n",
		what, b.instances, rate, share, verdict(share < 0.2), memory)
	return nil
}

func sleep(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}

// cpuTime is the CPU time that a process has used, in ticks of 10 ms.
func cpuTime(pid int) (time.Duration, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
	user, err1 := strconv.Atoi(fields[11])
	system, err2 := strconv.Atoi(fields[12])
	return time.Duration(user+system) * 10 * time.Millisecond, errors.Join(err1, err2)
}

// resident is the memory of a process in bytes.
func resident(pid int) (int, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	if err != nil {
		return 0, err
	}
	pages, err := strconv.Atoi(strings.Fields(string(text))[1])
	return pages * os.Getpagesize(), err
}
