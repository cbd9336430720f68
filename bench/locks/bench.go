package locks

import (
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"time"
)

// TTL is the time to live of every record, unless a case has its own.
const TTL = 45 * time.Second

// Config is the size of a run. Every load ends by itself within it.
type Config struct {
	Rounds     int           // turns of each contender
	Turn       time.Duration // of one contender, where a turn has no count
	Callers    int           // of the crowd
	Handovers  int           // in a turn, of locks whose waiters are woken
	Leases     int           // of the fleet and the soak
	Heartbeat  time.Duration // of the fleet; the TTL is three of it
	Neighbours int           // keys that begin like the waiter's
	Watched    time.Duration // how long the waiter beside them is observed
	Listeners  int           // processes that listen beside a release
	Waiters    int           // of one key in one process, on etcd
	Periods    int           // heartbeat periods of the soak
	Soak       time.Duration // one heartbeat period of the soak; the TTL is three of it
	Cycles     int           // of acquire and release, after which nothing may be left
	Comers     int           // waiters that come and go, after which nothing may be left
}

// Full is the size of a published run; about fifteen minutes.
func Full() Config {
	return Config{
		Rounds: 20, Turn: 400 * time.Millisecond, Callers: 64, Handovers: 250,
		Leases: 100_000, Heartbeat: 15 * time.Second, Neighbours: 20_000, Watched: 20 * time.Second,
		Listeners: 200, Waiters: 300, Periods: 10, Soak: 5 * time.Second,
		Cycles: 1_000_000, Comers: 100_000,
	}
}

// Quick is a run of about a minute that shows that everything works. Its figures are too
// few to be compared with the targets.
func Quick() Config {
	return Config{
		Rounds: 3, Turn: 60 * time.Millisecond, Callers: 64, Handovers: 40,
		Leases: 2_000, Heartbeat: time.Second, Neighbours: 2_000, Watched: 3 * time.Second,
		Listeners: 20, Waiters: 40, Periods: 3, Soak: time.Second,
		Cycles: 20_000, Comers: 5_000,
	}
}

// Case is one kind of work.
type Case struct {
	Name string
	etcd bool
	run  func(context.Context, *bench) error
}

// Cases are all kinds of work, in the order of Run.
var Cases = []Case{
	{Name: "Alone", run: alone},
	{Name: "Crowd", run: crowd},
	{Name: "Renew", run: renew},
	{Name: "Handover", run: handover},
	{Name: "Neighbours", run: neighbours},
	{Name: "Listeners", run: listeners},
	{Name: "Fleet", run: fleet},
	{Name: "Soak", run: soak},
	{Name: "Flat", run: flat},
	{Name: "EtcdCrowd", etcd: true, run: etcdCrowd},
	{Name: "EtcdHandover", etcd: true, run: etcdHandover},
	{Name: "EtcdQueue", etcd: true, run: etcdQueue},
}

// Run runs the cases with matching names, and writes their figures to out and its progress
// to log. Servers keep their files in dir. A case that fails does not end the run: it is a
// configuration line of its own, failed-<name>, and part of the error at the end.
func Run(ctx context.Context, dir string, cfg Config, match *regexp.Regexp, out, log io.Writer) error {
	cases := slices.DeleteFunc(slices.Clone(Cases), func(c Case) bool { return !match.MatchString(c.Name) })
	if len(cases) == 0 {
		return fmt.Errorf("no case matches %q", match)
	}
	servers, err := startServers(ctx, dir, slices.ContainsFunc(cases, func(c Case) bool { return c.etcd }))
	if err != nil {
		return err
	}
	defer servers.stop()
	var errs []error
	for _, c := range cases {
		if err := ctx.Err(); err != nil {
			return errors.Join(append(errs, err)...)
		}
		fmt.Fprintf(log, "%s\n", c.Name)
		b := &bench{Config: cfg, servers: servers, name: c.Name, out: out, log: log}
		err := c.run(ctx, b)
		b.closeAll()
		if err := errors.Join(err, servers.flush()); err != nil {
			text := strings.Join(strings.Fields(fmt.Sprintf("%.300v", err)), " ")
			fmt.Fprintf(out, "failed-%s: %s\n", c.Name, text)
			errs = append(errs, fmt.Errorf("%s: %s", c.Name, text))
		}
	}
	return errors.Join(errs...)
}

// bench is one case under way.
type bench struct {
	Config
	*servers
	name     string
	out, log io.Writer
	closers  []func()
}

// later registers a function for the end of the case. The last one is called first.
func (b *bench) later(f func()) { b.closers = append(b.closers, f) }

func (b *bench) closeAll() {
	for _, f := range slices.Backward(b.closers) {
		f()
	}
	b.closers = nil
}

// metric is one figure of a turn.
type metric struct {
	value float64
	unit  string
}

// report writes one line: n operations of a contender, and their figures. The part
// follows the contender's name, e.g. "/listeners=200".
func (b *bench) report(lib, part string, n int, metrics ...metric) error {
	var line strings.Builder
	fmt.Fprintf(&line, "Benchmark%s/lib=%s%s\t%8d", b.name, lib, part, n)
	for _, m := range metrics {
		fmt.Fprintf(&line, "\t%12.6g %s", m.value, m.unit)
	}
	_, err := fmt.Fprintln(b.out, line.String())
	return err
}

// rounds gives each of n contenders a turn in each round, the first to another one each
// time.
func (b *bench) rounds(ctx context.Context, rounds, n int, turn func(i int) error) error {
	for round := range rounds {
		for i := range n {
			if err := ctx.Err(); err != nil {
				return err
			}
			if err := turn((round + i) % n); err != nil {
				return err
			}
		}
	}
	return nil
}
