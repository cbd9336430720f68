package process_test

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/leasehold-go/leasehold/internal/full"
)

// scan reads a line of the small program.
func scan(line, format string, into ...any) bool {
	_, err := fmt.Sscanf(line, format, into...)
	return err == nil
}

// connector is the example's command line on the server.
func (s server) connector(args ...string) []string {
	s.Helper()
	return append([]string{example(s), "-store", s.URL, "-warm", "1", "-for", "100s"}, args...)
}

// connects starts the example.
func (s server) connects(args ...string) *child {
	s.Helper()
	return spawn(s, nil, s.connector(args...)...)
}

// isolated starts a command as the first process of a PID namespace of its own, with
// its own /proc. Where the kernel refuses that the test fails.
func isolated(t testing.TB, command ...string) *child {
	t.Helper()
	attr := &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWPID | syscall.CLONE_NEWNS}
	mayUnshare(t)
	return spawn(t, attr, append([]string{holder(t), "namespace"}, command...)...)
}

// mayUnshare fails with a line that says what is missing.
func mayUnshare(t testing.TB) {
	t.Helper()
	probe := spawnable(&syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWPID | syscall.CLONE_NEWNS}, holder(t), "namespace", "/bin/true")
	if output, err := probe.CombinedOutput(); err != nil {
		t.Fatalf("this test needs a PID namespace with its own /proc, and the kernel refuses one "+
			"(run as root, or with the capability SYS_ADMIN): %v: %s", err, output)
	}
}

// shifted starts a command in a time namespace of its own, whose time since boot is ahead. It
// fails the test if the kernel refuses that.
func shifted(t testing.TB, command ...string) *child {
	t.Helper()
	ours, err := os.Readlink("/proc/self/ns/time")
	if err != nil {
		t.Fatal(err)
	}
	output, err := spawnable(nil, holder(t), "time", "/bin/readlink", "/proc/self/ns/time").CombinedOutput()
	if err != nil || strings.TrimSpace(string(output)) == ours {
		t.Fatalf("this test needs a time namespace that a program enters when it is executed, and the kernel refuses one "+
			"(run on Linux 6.3 or later as root, or with the capabilities SYS_ADMIN and SYS_TIME): %v: %s", err, output)
	}
	return spawn(t, nil, append([]string{holder(t), "time"}, command...)...)
}

// keepNamespaces keeps the PID and the time namespace of a program until the test ends. The
// kernel reuses the number of a namespace that is gone, and every process in it is dead.
func (c *child) keepNamespaces() {
	c.t.Helper()
	for _, kind := range []string{"pid", "time"} {
		file, err := os.Open(fmt.Sprintf("/proc/%d/ns/%s", c.cmd.Process.Pid, kind))
		if err != nil {
			c.t.Fatal(err)
		}
		c.t.Cleanup(func() { file.Close() })
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
	return s.connector("-ttl", "1h", "-heartbeat", "4s", "-instance", "worker-1")
}

func (c succession) second(s server) []string {
	name := "worker-1"
	if c.other {
		name = "worker-2"
	}
	return s.connector("-ttl", "1h", "-reclaim", c.policy, "-instance", name, "-for", "50s")
}

// ends waits for the second one's end, which has to be as wanted, and for what that
// means to the first, if it lives.
func (c succession) ends(s server, second *child, first *child, want string) {
	s.Helper()
	code := exitOK
	if want == "conflict" {
		code = exitConflict
	}
	if want == "takes" {
		second.expect(`"registered"`)
		second.signal(syscall.SIGTERM)
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
	full.Only(t)
	for _, c := range successions {
		t.Run(c.name, func(t *testing.T) {
			onEach(t, func(s server) {
				first := spawn(s, nil, c.first(s)...)
				first.expect(`"registered"`)
				if !c.spare {
					first.kill()
				}
				c.ends(s, spawn(s, nil, c.second(s)...), first, c.want)
			})
		})
	}
}

// Both in one namespace that is not this test's.
func TestReclaimInOnePIDNamespaceOfItsOwn(t *testing.T) {
	full.Only(t)
	for _, c := range successions {
		t.Run(c.name, func(t *testing.T) {
			onEach(t, func(s server) {
				fate := "kill"
				if c.spare {
					fate = "spare"
				}
				command := append([]string{holder(s), "succeed", fate}, c.first(s)...)
				command = append(append(command, "then"), c.second(s)...)
				c.ends(s, isolated(s, command...), nil, c.want)
			})
		})
	}
}

// place starts a command in certain namespaces.
type place func(t testing.TB, command ...string) *child

// here starts a command in the namespaces of the test.
func here(t testing.TB, command ...string) *child {
	t.Helper()
	return spawn(t, nil, command...)
}

func TestReclaimInTwoPIDNamespaces(t *testing.T) {
	full.Only(t)
	reclaimBetween(t, successions, map[string][2]place{
		"first in its own":    {isolated, here}, // and there the first process
		"second in its own":   {here, isolated}, // where no process has the first one's id
		"each in one of both": {isolated, isolated},
	})
}

// The start time of a process in /proc depends on the time namespace of the reader.
func TestReclaimInTwoTimeNamespaces(t *testing.T) {
	full.Only(t)
	dead := slices.DeleteFunc(slices.Clone(successions), func(c succession) bool { return c.policy != "dead" })
	reclaimBetween(t, dead, map[string][2]place{
		"first in its own":  {shifted, here},
		"second in its own": {here, shifted},
		"each in its own":   {shifted, shifted},
	})
}

// reclaimBetween runs successions with the two connectors in different places.
func reclaimBetween(t *testing.T, successions []succession, between map[string][2]place) {
	for name, places := range between {
		for _, c := range successions {
			t.Run(name+", "+c.name, func(t *testing.T) {
				onEach(t, func(s server) {
					first := places[0](s, c.first(s)...)
					first.expect(`"registered"`)
					first.keepNamespaces()
					if !c.spare {
						first.kill()
					}
					c.ends(s, places[1](s, c.second(s)...), first, c.foreign)
				})
			})
		}
	}
}
