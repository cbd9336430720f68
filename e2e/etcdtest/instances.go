package etcdtest

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/leasehold-go/leasehold/internal/child"
)

const (
	// startLimit is how long a cluster may take until it serves.
	startLimit = time.Minute
	// stopLimit is how long a member may take to end in order.
	stopLimit = 10 * time.Second
	// serving is the line that a member prints once it listens. It is not a constant of
	// package member: every test that runs an etcd would link the server in.
	serving = "etcd member serves"
	// programServes is part of the line that an etcd program prints then.
	programServes = "ready to serve client requests"
)

// Settings are how a cluster is run. The zero value is one member.
type Settings struct {
	// Members is how many there are; 1 if zero.
	Members int
	// Quota is the largest size of the database in bytes; 2 GiB if zero. Beyond it a member
	// refuses writes and raises the alarm NOSPACE.
	Quota int64
	// Operations is how many a member takes in one transaction; 128 if zero.
	Operations int
	// RequestBytes is the size of the largest request that a member takes; 1.5 MiB if
	// zero.
	RequestBytes int
	// Streams is how many requests and watches a member takes at once on a connection; no
	// limit if zero. An etcd program needs version 3.5.
	Streams int
	// TokenTTL is the life of an unused authentication token, in whole seconds; 5
	// minutes if zero.
	TokenTTL time.Duration
	// Election is how long a leader may be silent; 500 ms if zero. The smallest
	// ttl that is granted is 1.4 times that, rounded up to whole seconds.
	Election time.Duration
	// CatchUp is how many entries of its log a leader keeps for members that are behind, 5,000 if
	// zero: one that is further behind gets a snapshot. An etcd program needs version 3.6.
	CatchUp int
	// Certificate and Key are the files of a certificate for 127.0.0.1: the members serve
	// clients through TLS. If empty, they serve without.
	Certificate, Key string
	// Program is an etcd to run, e.g. "/usr/bin/etcd". If empty, the members run the
	// etcd that is part of this module.
	Program string
}

func (s Settings) resolve() Settings {
	if s.Members == 0 {
		s.Members = 1
	}
	if s.Operations == 0 {
		s.Operations = 128
	}
	if s.RequestBytes == 0 {
		s.RequestBytes = 3 << 19
	}
	if s.TokenTTL == 0 {
		s.TokenTTL = 5 * time.Minute
	}
	if s.Election == 0 {
		s.Election = 500 * time.Millisecond
	}
	return s
}

// heartbeat is the time between two words of a leader: as long as etcd lets it be, because this is
// most of what a member that waits has to do.
func (s Settings) heartbeat() time.Duration { return s.Election / 5 }

// Instances are the members of a cluster, each a process on the loopback interface
// with its files in a directory.
type Instances struct {
	Settings
	command []string // of the program, see package member
	members []*instance
}

// instance is a member.
type instance struct {
	name, dir    string
	client, peer string         // ports
	scheme       string         // of the URL for clients
	state        string         // of the cluster when it joined
	process      *child.Process // nil while stopped
	paused       bool
	cuts         int // how often the process was cut off
}

func (m *instance) clientURL() string { return m.scheme + "://" + m.addr() }
func (m *instance) peerURL() string   { return "http://" + net.JoinHostPort("127.0.0.1", m.peer) }
func (m *instance) addr() string      { return net.JoinHostPort("127.0.0.1", m.client) }

// Run starts a cluster that keeps its files in dir, and returns once it serves.
// Command is the start of a command that runs package member. The members run until
// Stop, for a program that is not a test.
func Run(dir string, command []string, s Settings) (*Instances, error) {
	s = s.resolve()
	c := &Instances{Settings: s, command: command}
	for i := range s.Members {
		name := fmt.Sprintf("member%d", i)
		m := &instance{name: name, dir: filepath.Join(dir, name), scheme: "http", state: "new"}
		if s.Certificate != "" {
			m.scheme = "https"
		}
		c.members = append(c.members, m)
	}
	err := child.OnFreePorts(2*s.Members, func(ports []string) error {
		for i, m := range c.members {
			m.client, m.peer = ports[2*i], ports[2*i+1]
		}
		return c.fresh()
	})
	if err != nil {
		return nil, err
	}
	return c, nil
}

// Endpoints returns the addresses of all members as a client takes them, e.g.
// "127.0.0.1:40123".
func (c *Instances) Endpoints() (addrs []string) {
	for _, m := range c.members {
		addrs = append(addrs, m.addr())
	}
	return addrs
}

// URL returns the endpoints as one address, e.g. "etcd://127.0.0.1:40123".
func (c *Instances) URL() string { return "etcd://" + strings.Join(c.Endpoints(), ",") }

// Stop kills all members. Members that do not run are left alone.
func (c *Instances) Stop() {
	for _, m := range c.members {
		m.kill()
	}
}

// fresh starts all members, which do not run, without data.
func (c *Instances) fresh() error {
	for _, m := range c.members {
		if err := os.RemoveAll(m.dir); err != nil {
			return err
		}
		m.state = "new"
	}
	return c.start(c.members...)
}

// start starts members and waits until they serve; if one does not, none runs then.
// While too few run for a quorum, none can serve, and it does not wait for that.
func (c *Instances) start(members ...*instance) error {
	for _, m := range members {
		if err := c.launch(m); err != nil {
			c.Stop()
			return err
		}
	}
	quorum := c.running() > len(c.members)/2
	for _, m := range members {
		if err := m.process.Await(startLimit, func(said []byte) bool { return c.serves(m, said, quorum) }); err != nil {
			c.Stop()
			return err
		}
	}
	return nil
}

// launch starts the process of a member.
func (c *Instances) launch(m *instance) (err error) {
	if err := os.MkdirAll(m.dir, 0o700); err != nil {
		return err
	}
	var all []string
	for _, other := range c.members {
		all = append(all, other.name+"="+other.peerURL())
	}
	if c.Program != "" {
		command, err := c.programCommand(m, strings.Join(all, ","))
		if err == nil {
			m.process, err = child.Start(filepath.Join(m.dir, "etcd.log"), command...)
		}
		return err
	}
	m.process, err = child.Start(filepath.Join(m.dir, "etcd.log"), append(c.command[:len(c.command):len(c.command)],
		"-name", m.name, "-dir", filepath.Join(m.dir, "data"), "-client", m.clientURL(), "-peer", m.peerURL(),
		"-serving", serving, "-cluster", strings.Join(all, ","), "-state", m.state, "-quota", fmt.Sprint(c.Quota), "-operations", fmt.Sprint(c.Operations),
		"-request-bytes", fmt.Sprint(c.RequestBytes), "-token-ttl", fmt.Sprint(int(c.TokenTTL.Seconds())),
		"-streams", fmt.Sprint(c.Streams), "-catch-up", fmt.Sprint(c.CatchUp), "-certificate", c.Certificate, "-key", c.Key,
		"-heartbeat", fmt.Sprint(c.heartbeat().Milliseconds()), "-election", fmt.Sprint(c.Election.Milliseconds()))...)
	return err
}

// programCommand returns the command of a member that runs Program. It confirms writes
// before they are on the disk if its version can, as package member does.
func (c *Instances) programCommand(m *instance, cluster string) ([]string, error) {
	command := []string{
		c.Program, "--name", m.name, "--data-dir", filepath.Join(m.dir, "data"),
		"--listen-client-urls", m.clientURL(), "--advertise-client-urls", m.clientURL(),
		"--listen-peer-urls", m.peerURL(), "--initial-advertise-peer-urls", m.peerURL(),
		"--initial-cluster", cluster, "--initial-cluster-state", m.state, "--strict-reconfig-check=false",
		"--quota-backend-bytes", fmt.Sprint(c.Quota), "--max-txn-ops", fmt.Sprint(c.Operations),
		"--max-request-bytes", fmt.Sprint(c.RequestBytes), "--auth-token-ttl", fmt.Sprint(int(c.TokenTTL.Seconds())),
		"--bcrypt-cost", "4", // the least: a password is checked for each client of a test
		"--heartbeat-interval", fmt.Sprint(c.heartbeat().Milliseconds()), "--election-timeout", fmt.Sprint(c.Election.Milliseconds()),
	}
	if c.Streams != 0 {
		command = append(command, "--max-concurrent-streams", fmt.Sprint(c.Streams))
	}
	if c.CatchUp != 0 {
		command = append(command, "--snapshot-catchup-entries", fmt.Sprint(c.CatchUp))
	}
	if c.Certificate != "" {
		command = append(command, "--cert-file", c.Certificate, "--key-file", c.Key)
	}
	help, err := exec.Command(c.Program, "--help").CombinedOutput()
	if err != nil && len(help) == 0 {
		return nil, fmt.Errorf("%s --help: %w", c.Program, err)
	}
	if bytes.Contains(help, []byte("--unsafe-no-fsync")) {
		command = append(command, "--unsafe-no-fsync")
	}
	return command, nil
}

// running counts the members that run and are not paused.
func (c *Instances) running() (n int) {
	for _, m := range c.members {
		if m.process != nil && !m.paused {
			n++
		}
	}
	return n
}

// serves reports whether a member takes requests. Its own words come first: a
// stranger may have got the port. It says the same with and without a user, and
// while its database is full.
func (c *Instances) serves(m *instance, said []byte, quorum bool) bool {
	words := serving
	if c.Program != "" {
		words = programServes
		if !quorum {
			return len(said) > 0 // it does not say them before there is one
		}
	}
	if !bytes.Contains(said, []byte(words)) {
		return false
	}
	if !quorum {
		return true
	}
	health, err := m.ask("/health?exclude=NOSPACE&exclude=CORRUPT")
	return err == nil && strings.Contains(health, `"health":"true"`)
}

// leads reports whether a member leads the others.
func (m *instance) leads() bool {
	metrics, err := m.ask("/metrics")
	return err == nil && strings.Contains(metrics, "\netcd_server_is_leader 1\n")
}

// ask gets a page that a member serves to everybody.
func (m *instance) ask(path string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, m.clientURL()+path, nil)
	if err != nil {
		return "", err
	}
	client := http.Client{Transport: &http.Transport{
		DisableKeepAlives: true, TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, // what it serves is no secret
	}}
	answer, err := client.Do(request)
	if err != nil {
		return "", err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	return string(text), err
}

// kill ends a member, in whatever state.
func (m *instance) kill() {
	if m.process != nil {
		m.process.Kill()
	}
	m.process, m.paused, m.cuts = nil, false, 0
}

// stop ends a member in order: a leader hands over first.
func (m *instance) stop() {
	if m.process != nil {
		m.process.Stop(stopLimit)
	}
	m.process, m.paused, m.cuts = nil, false, 0
}

var errNotRunning = errors.New("the member does not run")

// pause stops the process of a member, or lets it go on.
func (m *instance) pause(paused bool) error {
	if m.process == nil {
		return errNotRunning
	}
	m.paused = paused
	if paused {
		return m.process.Pause()
	}
	return m.process.Resume()
}

// cut cuts a member off from the others, or lets it be heard again.
func (m *instance) cut(off bool) error {
	if m.process == nil {
		return errNotRunning
	}
	sig := syscall.SIGUSR2
	if off {
		sig = syscall.SIGUSR1
		m.cuts++
	}
	if err := syscall.Kill(m.process.ID(), sig); err != nil {
		return err
	}
	return m.process.Await(startLimit, func(said []byte) bool { return bytes.Count(said, []byte(sig.String())) == m.cuts })
}
