package systemd_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/leasehold-go/leasehold/internal/built"
)

// patience is how long a test waits for what has to come. Nothing is ever expected
// to take that long.
const patience = 60 * time.Second

func TestMain(m *testing.M) { built.Main(m) }

// contained starts systemd where it sees no process but its own. A user instance of systemd moves
// every process of the control group in which it starts, and in the root group that is the whole
// machine. So the shell goes to a control group of its own first ($1), and then makes that the
// root: with a control group namespace, in which nothing outside of the group can be named. The PID
// namespace ends all processes with the first of them, which cannot be a user instance of systemd. The
// mounts are in a namespace too.
const contained = `set -e
mount -t tmpfs tmpfs /run
mkdir -p /run/systemd/system /run/cgroup
mount -t cgroup2 none /run/cgroup
mkdir /run/cgroup/$1
echo $$ >/run/cgroup/$1/cgroup.procs
grep -qx "0::.*/$1" /proc/self/cgroup
exec unshare --cgroup --pid --fork --kill-child --mount-proc sh -ec '
umount /run/cgroup
mount -t cgroup2 none /sys/fs/cgroup
grep -qx 0::/ /proc/self/cgroup
/usr/lib/systemd/systemd --user &
wait'`

// manager is a systemd of the test's own, with one unit: service.service, from docs/service.md.
type manager struct {
	testing.TB
	dir string   // its runtime directory, its log and the log of the service
	ns  string   // its namespaces
	env []string // for systemd and systemctl
}

// start starts a systemd with the unit of the page and a drop-in that has further settings.
func start(t testing.TB, settings ...string) *manager {
	t.Helper()
	dir, err := os.MkdirTemp("", "systemd") // a short name: it has sockets
	if err != nil {
		t.Fatal(err)
	}
	m := &manager{TB: t, dir: dir}
	m.env = append(os.Environ(), "XDG_RUNTIME_DIR="+dir, "HOME="+dir, "SYSTEMD_UNIT_PATH="+dir+"/units:/usr/lib/systemd/user",
		"GORACE=atexit_sleep_ms=0")
	settings = append([]string{"[Service]", "DynamicUser=no", "StandardOutput=append:" + dir + "/service", "StandardError=append:" + dir + "/service"}, settings...)
	for name, text := range map[string]string{
		"units/service.service":             unit(t),
		"units/service.service.d/test.conf": strings.Join(settings, "\n"),
		"units/default.target":              "[Unit]\nDefaultDependencies=no\n",
	} {
		if err := errors.Join(os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o700), os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	log, err := os.Create(dir + "/log")
	if err != nil {
		t.Fatal(err)
	}
	group := "leasehold-" + filepath.Base(dir)
	cmd := exec.Command("sh", "-c", contained, "sh", group)
	cmd.Env, cmd.Stdout, cmd.Stderr = m.env, log, log
	// Unshareflags, because Cloneflags would leave the mounts shared with the machine.
	cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS, Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		t.Fatalf("this test needs namespaces of its own (run as root, or with the capability SYS_ADMIN): %v", err)
	}
	m.ns = fmt.Sprintf("/proc/%d/ns/", cmd.Process.Pid)
	ended := make(chan struct{})
	go func() { defer close(ended); cmd.Wait() }()
	t.Cleanup(func() {
		cmd.Process.Kill() // and all in its PID namespace
		<-ended
		log.Close()
		if t.Failed() {
			said := m.read("service") // with the stacks of all goroutines if the watchdog has ended it
			t.Logf("%s\nthe service says:\n%s", m.read("log"), said[:min(len(said), 4096)])
		}
		m.eventually("the control group is gone", func() bool { return removeGroup(group) })
		os.RemoveAll(dir)
	})
	m.eventually("systemd runs", func() bool {
		select {
		case <-ended:
			t.Fatalf("systemd does not start here; it needs a control group and namespaces of its own (run as root, or with the capability SYS_ADMIN): %s", m.read("log"))
		default:
		}
		state, _ := m.systemctl("is-active", "default.target")
		return state == "active"
	})
	return m
}

// removeGroup removes a control group whose processes have ended, wherever cgroup2 is mounted.
func removeGroup(name string) bool {
	for _, root := range []string{"/sys/fs/cgroup", "/sys/fs/cgroup/unified"} {
		var groups []string
		filepath.WalkDir(filepath.Join(root, name), func(path string, d fs.DirEntry, err error) error {
			if err == nil && d.IsDir() {
				groups = append(groups, path)
			}
			return nil
		})
		for _, group := range slices.Backward(groups) {
			if os.Remove(group) != nil {
				return false
			}
		}
	}
	return true
}

// unit returns the unit on the page.
func unit(t testing.TB) string {
	t.Helper()
	page, err := os.ReadFile("../../docs/service.md")
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile("(?s)\n```ini\n(.*?)```\n").FindAllSubmatch(page, -1)
	if len(found) != 1 {
		t.Fatalf("%d units in docs/service.md, want one", len(found))
	}
	return string(found[0][1])
}

// systemctl returns the trimmed output.
func (m *manager) systemctl(args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, "nsenter", append([]string{"--mount=" + m.ns + "mnt", "--pid=" + m.ns + "pid_for_children", "systemctl", "--user"}, args...)...)
	cmd.Env = m.env
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	output, err := cmd.Output()
	if err != nil {
		err = fmt.Errorf("systemctl %s: %w: %s", args, err, &stderr)
	}
	return strings.TrimSpace(string(output)), err
}

// do is systemctl with success.
func (m *manager) do(args ...string) {
	m.Helper()
	if _, err := m.systemctl(args...); err != nil {
		m.Fatal(err)
	}
}

// show returns a property of the service.
func (m *manager) show(property string) string {
	m.Helper()
	value, err := m.systemctl("show", "--value", "-p", property, "service")
	if err != nil {
		m.Fatal(err)
	}
	return value
}

// awaits waits until a property of the service has a part.
func (m *manager) awaits(property, part string) {
	m.Helper()
	m.eventually(property+" has "+part, func() bool { return strings.Contains(m.show(property), part) })
}

// wants checks a property of the service.
func (m *manager) wants(property, value string) {
	m.Helper()
	if got := m.show(property); got != value {
		m.Errorf("%s is %q, want %q", property, got, value)
	}
}

// read returns a file in dir, or nothing.
func (m *manager) read(name string) string {
	text, _ := os.ReadFile(filepath.Join(m.dir, name))
	return string(text)
}

func (m *manager) eventually(what string, is func() bool) {
	m.Helper()
	for late := time.Now().Add(patience); !is(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(late) {
			m.Fatalf("not within %v: %s", patience, what)
		}
	}
}
