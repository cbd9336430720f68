package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"time"

	"github.com/leasehold-go/leasehold/lease"
	"github.com/leasehold-go/leasehold/registry"
	"github.com/leasehold-go/leasehold/store"
)

const usage = `usage: go run ./examples/exchange [flags]

One connector of one exchange, with its lifecycle held under a lease.
On standard input it takes, one a line: ` + commands + `

`

// settings are the flags, checked.
type settings struct {
	store          backend
	exchange       int
	name           string
	ttl, heartbeat time.Duration
	feed           string
	warm           int
	autostart      bool
	wait           bool
	runFor         time.Duration // zero for as long as nobody says otherwise
	adminEmail     string
	adminName      string
	hostname       string
	instance       string
	reclaim        registry.Reclaim
}

// key is the name of what a connector claims.
func (s settings) key() string { return fmt.Sprintf("exchange:%d:status", s.exchange) }

// parseFlags reads the flags. A complaint names the flag; help goes to stderr.
func parseFlags(args []string, stderr io.Writer) (settings, error) {
	var s settings
	var url string
	fs := s.flags(&url)
	switch err := fs.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		fmt.Fprint(stderr, usage)
		fs.SetOutput(stderr)
		fs.PrintDefaults()
		return s, err
	case err != nil:
		return s, usageError{err}
	case fs.NArg() > 0:
		return s, usageError{fmt.Errorf("unexpected argument %q after the flags", fs.Arg(0))}
	}
	if !given(fs, "heartbeat") {
		s.heartbeat = min(lease.DefaultTTL/3, s.ttl/3)
	}
	var err error
	if s.store, err = parseBackend(url); err != nil {
		return s, usageError{fmt.Errorf("-store: %w", err)}
	}
	if err := s.check(); err != nil {
		return s, usageError{err}
	}
	return s, nil
}

// flags declares them. They say nothing by themselves: parseFlags does. The URL of the
// store is kept apart, because package flag would quote it in its complaints, with
// the password.
func (s *settings) flags(url *string) *flag.FlagSet {
	fs := flag.NewFlagSet("exchange", flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	fs.Usage = func() {}
	fs.StringVar(url, "store", "memory:", "`URL` of the store: memory:, redis://host:port/db, redis+sentinel://, redis+cluster:// or etcd://host:port,host:port")
	fs.IntVar(&s.exchange, "exchange", 1, "id of the exchange, at least 1")
	fs.StringVar(&s.name, "name", "coinbase", "name of the exchange")
	fs.DurationVar(&s.ttl, "ttl", lease.DefaultTTL, "how long the record outlives its last heartbeat")
	fs.DurationVar(&s.heartbeat, "heartbeat", 0, "time between heartbeats, at most half of -ttl (default 15s, or a third of -ttl if that is less)")
	fs.StringVar(&s.feed, "feed", "", "`file` of trades, one JSON object a line (default the sample in testdata)")
	fs.IntVar(&s.warm, "warm", 20, "trades of a symbol before it counts as warm")
	fs.BoolVar(&s.autostart, "autostart", true, "start at once; with false, wait idle and hold nothing")
	fs.BoolVar(&s.wait, "wait", false, "wait for the key while another holds it")
	fs.DurationVar(&s.runFor, "for", 0, "stop after this time (default run until told)")
	fs.StringVar(&s.adminEmail, "admin-email", "", "address of whoever is responsible")
	fs.StringVar(&s.adminName, "admin-name", "", "name of whoever is responsible")
	fs.StringVar(&s.hostname, "hostname", "", "host name to show (default the machine's); decides nothing")
	fs.StringVar(&s.instance, "instance", "", "name of this instance (default random)")
	fs.TextVar(&s.reclaim, "reclaim", registry.ReclaimDead, "`when` to take the key from its holder: never, dead (its process has ended, on this machine), or name (it has the same -instance)")
	return fs
}

// check refuses values that cannot work. The keeper would refuse the times too, but
// it does not know what the flags are called.
func (s settings) check() error {
	switch {
	case s.exchange < 1:
		return fmt.Errorf("-exchange %d: must be at least 1", s.exchange)
	case s.ttl < store.MinTTL:
		return fmt.Errorf("-ttl %v: must be at least %v", s.ttl, store.MinTTL)
	case s.heartbeat <= 0 || s.heartbeat > s.ttl/2:
		return fmt.Errorf("-heartbeat %v: must be positive and at most half of -ttl %v", s.heartbeat, s.ttl)
	case s.warm < 0:
		return fmt.Errorf("-warm %d: must not be negative", s.warm)
	case s.runFor < 0:
		return fmt.Errorf("-for %v: must not be negative", s.runFor)
	}
	return nil
}

func given(fs *flag.FlagSet, name string) (found bool) {
	fs.Visit(func(f *flag.Flag) { found = found || f.Name == name })
	return found
}
