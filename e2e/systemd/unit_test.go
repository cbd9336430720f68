package systemd_test

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/leasehold-go/leasehold/internal/built"
	"github.com/leasehold-go/leasehold/internal/full"
	"github.com/leasehold-go/leasehold/internal/redistest"
)

const key = "example:service"

// service is the unit of the page on a Redis, under a systemd.
type service struct {
	*manager
	redis *redistest.Server
	out   string // the file for its work
}

// startService starts a systemd whose unit runs the example with further flags. The service does
// not run yet.
func startService(t *testing.T, flags string, settings ...string) service {
	full.Only(t)
	t.Parallel()
	redis := redistest.Start(t)
	out := filepath.Join(t.TempDir(), "work")
	line := strings.Join([]string{built.Racing(t, "examples/service"), "-store", redis.URL(), "-key", key, "-http 127.0.0.1:0", "-out", out, flags}, " ")
	m := start(t, append([]string{"ExecStart=", "ExecStart=" + line, "RestartSec=100ms"}, settings...)...)
	return service{m, redis, out}
}

// held reports whether there is a record under the key.
func (s service) held() bool {
	s.Helper()
	n, err := s.redis.Client().Exists(s.Context(), key).Result()
	if err != nil {
		s.Fatal(err)
	}
	return n == 1
}

func TestSystemdTakesTheUnit(t *testing.T) {
	full.Only(t)
	// verify returns what systemd says of the unit: it says of the machine's own units too.
	verify := func(text string) string {
		t.Helper()
		const name = "leasehold-example.service"
		file := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		output, err := exec.Command("systemd-analyze", "verify", file).CombinedOutput()
		if err != nil {
			t.Errorf("systemd-analyze: %v", err)
		}
		var said strings.Builder
		for line := range strings.Lines(string(output)) {
			if strings.Contains(line, name) {
				said.WriteString(line)
			}
		}
		return said.String()
	}
	text := strings.ReplaceAll(unit(t), "/usr/local/bin/service", "/bin/true") // which exists
	if said := verify(text); said != "" {
		t.Errorf("systemd says: %s", said)
	}
	if said := verify(strings.ReplaceAll(text, "WatchdogSec", "Watchdog")); !strings.Contains(said, "Watchdog") {
		t.Errorf("systemd does not mind a wrong setting: %q", said)
	}
}

func TestServiceIsActiveOnceItIsReadyAndEndsInOrder(t *testing.T) {
	s := startService(t, "")
	s.redis.Pause()
	s.do("start", "--no-block", "service")
	s.awaits("StatusText", "not ready")
	s.wants("ActiveState", "activating")
	s.redis.Resume()
	s.do("start", "service") // returns after READY=1
	s.wants("ActiveState", "active")
	s.wants("WatchdogUSec", "15s")
	s.awaits("StatusText", "held in state active with token")
	if !s.held() {
		t.Error("active without the key")
	}
	s.do("stop", "service")
	s.wants("ActiveState", "inactive")
	s.wants("Result", "success")
	s.wants("ExecMainStatus", "0")
	if s.held() {
		t.Error("stopped with the key")
	}
}

func TestServiceThatWaitsForItsKeyIsReady(t *testing.T) {
	first := startService(t, "")
	first.do("start", "service")
	first.awaits("StatusText", "held")
	second := start(t, "ExecStart=", "ExecStart="+strings.Join([]string{built.Racing(t, "examples/service"),
		"-store", first.redis.URL(), "-key", key, "-http 127.0.0.1:0"}, " "))
	second.do("start", "service")
	second.wants("StatusText", "waiting, ready")
	first.do("stop", "service")
	second.awaits("StatusText", "held in state active")
	second.wants("NRestarts", "0")
}

// The service is stuck in a call that no context ends: the file for its work has become a FIFO
// without a reader.
func TestWatchdogRestartsAStuckService(t *testing.T) {
	s := startService(t, "-alive 1s -ttl 1h", "WatchdogSec=2s", "RestartSec=2s")
	s.do("start", "service")
	s.awaits("StatusText", "held in state active")
	fifo := filepath.Join(filepath.Dir(s.out), "fifo")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	work := s.out + ".done"
	if err := os.Rename(s.out, work); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(fifo, s.out); err != nil {
		t.Fatal(err)
	}
	s.awaits("Result", "watchdog") // shown until it runs again
	s.eventually("it runs again", func() bool { return s.show("NRestarts") != "0" })
	if err := os.Rename(work, s.out); err != nil {
		t.Fatal(err)
	}
	// The new process may be stuck in the FIFO too, until the watchdog comes to it.
	s.eventually("it works again", func() bool {
		return s.show("ActiveState") == "active" && strings.Contains(s.show("StatusText"), "held in state active")
	})
	if dump := s.read("service"); !strings.Contains(dump, "SIGABRT") || !strings.Contains(dump, "main.work") {
		t.Errorf("no stack of the stuck call in:\n%s", dump)
	}
}

func TestServiceWaitsForItsStore(t *testing.T) {
	s := startService(t, "")
	s.redis.Stop()
	s.do("start", "--no-block", "service")
	s.eventually("it says so", func() bool { return strings.Contains(s.read("service"), "the store cannot be opened yet") })
	s.wants("ActiveState", "activating")
	s.redis.RestartEmpty()
	s.do("start", "service")
	s.wants("ActiveState", "active")
	s.wants("NRestarts", "0")
}

func TestServiceThatNoRestartCanHelpIsNotRestarted(t *testing.T) {
	s := startService(t, "-ttl 1ms")
	if _, err := s.systemctl("start", "service"); err == nil {
		t.Error("started")
	}
	s.awaits("ActiveState", "failed")
	s.wants("ExecMainStatus", "78")
	s.wants("NRestarts", "0")
}

// systemd shows nobody that it was told STOPPING=1, so the test is the receiver here.
func TestServiceTellsThatItStops(t *testing.T) {
	full.Only(t)
	t.Parallel()
	dir, err := os.MkdirTemp("", "notify")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	for _, address := range []string{filepath.Join(dir, "socket"), "@" + dir} { // in the file system, and abstract
		receiver, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: address, Net: "unixgram"})
		if err != nil {
			t.Fatal(err)
		}
		defer receiver.Close()
		told(t, receiver, address)
	}
}

func told(t *testing.T, receiver *net.UnixConn, address string) {
	t.Helper()
	cmd := exec.Command(built.Racing(t, "examples/service"), "-http", "127.0.0.1:0")
	cmd.Env = append(os.Environ(), "NOTIFY_SOCKET="+address, "WATCHDOG_USEC=60000000", "GORACE=atexit_sleep_ms=0")
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Process.Kill()
	expect := func(line string) {
		t.Helper()
		receiver.SetReadDeadline(time.Now().Add(patience))
		for message := make([]byte, 1<<12); ; {
			n, err := receiver.Read(message)
			if err != nil {
				t.Fatalf("no %s: %v", line, err)
			}
			if slices.Contains(strings.Split(string(message[:n]), "\n"), line) {
				return
			}
		}
	}
	expect("READY=1")
	expect("WATCHDOG=1")
	cmd.Process.Signal(syscall.SIGTERM)
	expect("STOPPING=1")
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
}
