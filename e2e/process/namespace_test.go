package process_test

import (
	"fmt"
	"strings"
	"syscall"
	"testing"
)

// scan reads a line of the small program.
func scan(line, format string, into ...any) bool {
	_, err := fmt.Sscanf(line, format, into...)
	return err == nil
}

// connector is the example's command line on the server.
func (s server) connector(args ...string) []string {
	s.t.Helper()
	return append([]string{example(s.t), "-store", s.URL() + "/0", "-warm", "1", "-for", "100s"}, args...)
}

// connects starts the example.
func (s server) connects(args ...string) *child {
	s.t.Helper()
	return spawn(s.t, nil, s.connector(args...)...)
}

// isolated starts a command as the first process of a PID namespace of its own, with
// its own /proc. Where the kernel refuses that the test fails.
func isolated(t *testing.T, command ...string) *child {
	t.Helper()
	attr := &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWPID | syscall.CLONE_NEWNS}
	mayUnshare(t)
	return spawn(t, attr, append([]string{holder(t), "namespace"}, command...)...)
}

// mayUnshare fails with a line that says what is missing.
func mayUnshare(t *testing.T) {
	t.Helper()
	probe := spawnable(&syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWPID | syscall.CLONE_NEWNS}, holder(t), "namespace", "/bin/true")
	if output, err := probe.CombinedOutput(); err != nil {
		t.Fatalf("this test needs a PID namespace with its own /proc, and the kernel refuses one "+
			"(run as root, or with the capability SYS_ADMIN): %v: %s", err, output)
	}
}

// succession is two connectors, one after the other, and what becomes of the second.
type succession struct {
	name    string
	policy  string
	spare   bool   // the first one lives on
	other   bool   // the second has another name
	want    string // "takes" or "conflict", in one namespace
	foreign string // in two
}

var successions = []succession{
	{"never, dead", "never", false, false, "conflict", "conflict"},
	{"never, alive", "never", true, false, "conflict", "conflict"},
	{"dead, dead", "dead", false, true, "takes", "conflict"}, // who looks from elsewhere cannot know
	{"dead, alive", "dead", true, false, "conflict", "conflict"},
	{"name, dead", "name", false, false, "takes", "takes"},
	{"name, alive", "name", true, false, "takes", "takes"},
	{"name, dead, of another name", "name", false, true, "conflict", "conflict"},
	{"name, alive, of another name", "name", true, true, "conflict", "conflict"},
}

// first and second are their command lines. A ttl of an hour, so that nothing expires.
func (c succession) first(s server) []string {
	return s.connector("-ttl", "1h", "-heartbeat", "1s", "-instance", "worker-1")
}

func (c succession) second(s server) []string {
	name := "worker-1"
	if c.other {
		name = "worker-2"
	}
	return s.connector("-ttl", "1h", "-reclaim", c.policy, "-instance", name, "-for", "2s")
}

// ends waits for the second one's end, which has to be as wanted, and for what that
// means to the first, if it lives.
func (c succession) ends(s server, second *child, first *child, want string) {
	s.t.Helper()
	code := exitOK
	if want == "conflict" {
		code = exitConflict
	}
	second.exits(code)
	second.wants(want)
	if first == nil || !c.spare {
		return
	}
	if want == "takes" {
		first.expect(`"lost"`)
		first.exits(exitLost)
		return
	}
	first.expect(`"heartbeat"`)
	first.signal(syscall.SIGTERM)
	first.expect(`"deregistered"`)
	first.exits(exitOK)
}

func (c *child) wants(outcome string) {
	c.t.Helper()
	took := strings.Contains(c.everything(), `"registered"`)
	if took != (outcome == "takes") {
		c.t.Errorf("it has taken the key: %v; want: %s", took, outcome)
	}
}

func TestReclaimInOnePIDNamespace(t *testing.T) {
	for _, c := range successions {
		t.Run(c.name, func(t *testing.T) {
			s := start(t)
			first := spawn(t, nil, c.first(s)...)
			first.expect(`"registered"`)
			if !c.spare {
				first.kill()
			}
			c.ends(s, spawn(t, nil, c.second(s)...), first, c.want)
		})
	}
}

// Both in one namespace that is not this test's.
func TestReclaimInOnePIDNamespaceOfItsOwn(t *testing.T) {
	for _, c := range successions {
		t.Run(c.name, func(t *testing.T) {
			s := start(t)
			fate := "kill"
			if c.spare {
				fate = "spare"
			}
			command := append([]string{holder(t), "succeed", fate}, c.first(s)...)
			command = append(append(command, "then"), c.second(s)...)
			c.ends(s, isolated(t, command...), nil, c.want)
		})
	}
}

func TestReclaimInTwoPIDNamespaces(t *testing.T) {
	here := func(t *testing.T, command ...string) *child {
		t.Helper()
		return spawn(t, nil, command...)
	}
	type place func(*testing.T, ...string) *child
	for name, places := range map[string][2]place{
		"first in its own":    {isolated, here}, // and there the first process
		"second in its own":   {here, isolated}, // where no process has the first one's id
		"each in one of both": {isolated, isolated},
	} {
		for _, c := range successions {
			t.Run(name+", "+c.name, func(t *testing.T) {
				s := start(t)
				first := places[0](t, c.first(s)...)
				first.expect(`"registered"`)
				if !c.spare {
					first.kill()
				}
				c.ends(s, places[1](t, c.second(s)...), first, c.foreign)
			})
		}
	}
}
