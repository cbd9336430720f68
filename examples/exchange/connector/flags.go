package connector

import (
	"flag"
	"fmt"
	"io"
	"time"

	"github.com/leasehold-go/leasehold/examples/internal/program"
	"github.com/leasehold-go/leasehold/lease"
	"github.com/leasehold-go/leasehold/registry"
	"github.com/leasehold-go/leasehold/store"
)

const usage = `usage: exchange [flags]

One connector of one exchange, with its lifecycle held under a lease.
Commands on standard input, one a line: ` + commands + `
With -request or -log, in a second terminal: what an operator asks of the connector of the same
-exchange, on a -store that both reach. To stop it, ask for stopping, then stopped; to start it
again, for idle, then starting, from where it becomes active by itself.

`

// settings are the checked values of the flags.
type settings struct {
	store          program.Store
	exchange       int
	name           string
	ttl, heartbeat time.Duration
	feed           string
	warm           int
	autostart      bool
	wait           bool
	runFor         time.Duration // zero is no limit
	adminEmail     string
	adminName      string
	hostname       string
	instance       string
	reclaim        registry.Reclaim
	request        string // a state to ask the running connector for; empty to run one
	log            bool   // whether to show the activity log instead
}

// sender is the name that a request has in the activity log.
func (s settings) sender() string {
	if s.adminName != "" {
		return s.adminName
	}
	return "operator"
}

// key returns the key that the connector claims.
func (s settings) key() string { return fmt.Sprintf("exchange:%d:status", s.exchange) }

// parseFlags parses and checks the flags. Its errors name the flag.
func parseFlags(stores program.Stores, args []string, stderr io.Writer) (settings, error) {
	var s settings
	fs := flag.NewFlagSet("exchange", flag.ContinueOnError)
	chosen := program.StoreFlag(fs, stores)
	fs.IntVar(&s.exchange, "exchange", 1, "id of the exchange, at least 1")
	fs.StringVar(&s.name, "name", "coinbase", "name of the exchange")
	fs.DurationVar(&s.ttl, "ttl", lease.DefaultTTL, "time to live of the record after a heartbeat")
	fs.DurationVar(&s.heartbeat, "heartbeat", 0, "time between heartbeats, at most half of -ttl (default 15s, or a third of -ttl if that is less)")
	fs.StringVar(&s.feed, "feed", "", "`file` of trades, one JSON object a line (default the sample in testdata)")
	fs.IntVar(&s.warm, "warm", 20, "trades of a symbol before it counts as warm")
	fs.BoolVar(&s.autostart, "autostart", true, "start at once; with false, wait for the command start")
	fs.BoolVar(&s.wait, "wait", false, "wait for the key while another process holds it")
	fs.DurationVar(&s.runFor, "for", 0, "stop after this time (default no limit)")
	fs.StringVar(&s.adminEmail, "admin-email", "", "published address of the administrator")
	fs.StringVar(&s.adminName, "admin-name", "", "published name of the administrator; the sender of a -request")
	fs.StringVar(&s.hostname, "hostname", "", "published host name (default the machine's); decides nothing")
	fs.StringVar(&s.instance, "instance", "", "name of this instance (default random)")
	fs.TextVar(&s.reclaim, "reclaim", registry.ReclaimDead, "`when` to take the key from its holder: never, dead (its process has ended, on this machine), or name (it has the same -instance)")
	fs.StringVar(&s.request, "request", "", "ask the running connector for a `state`, print its reply, and exit")
	fs.BoolVar(&s.log, "log", false, "print the activity log of the connectors of -exchange, and exit")
	if err := program.ParseFlags(fs, usage, args, stderr); err != nil {
		return s, err
	}

	given := false
	fs.Visit(func(f *flag.Flag) { given = given || f.Name == "heartbeat" })
	if !given {
		s.heartbeat = min(lease.DefaultTTL/3, s.ttl/3)
	}
	var err error
	if s.store, err = chosen(); err != nil {
		return s, err
	}
	// The keeper would refuse these times too, but its errors do not name the flags.
	switch {
	case s.exchange < 1:
		return s, program.UsageErrorf("-exchange %d: must be at least 1", s.exchange)
	case s.ttl < store.MinTTL:
		return s, program.UsageErrorf("-ttl %v: must be at least %v", s.ttl, store.MinTTL)
	case s.heartbeat <= 0 || s.heartbeat > s.ttl/2:
		return s, program.UsageErrorf("-heartbeat %v: must be positive and at most half of -ttl %v", s.heartbeat, s.ttl)
	case s.warm < 0:
		return s, program.UsageErrorf("-warm %d: must not be negative", s.warm)
	case s.log && s.request != "":
		return s, program.UsageErrorf("-log and -request: give one of them")
	case s.runFor < 0:
		return s, program.UsageErrorf("-for %v: must not be negative", s.runFor)
	}
	return s, nil
}
