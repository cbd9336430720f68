package child_test

import (
	"bytes"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/leasehold-go/leasehold/internal/child"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is how long a test waits for what has to come. Nothing is ever expected
// to take that long.
const patience = 30 * time.Second

// start starts a shell script, and says where its output goes.
func start(t *testing.T, script string) (p *child.Process, log string) {
	t.Helper()
	log = filepath.Join(t.TempDir(), "log")
	p, err := child.Start(log, "sh", "-c", script)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Kill)
	return p, log
}

// says is a child's readiness.
func says(text string) func([]byte) bool {
	return func(said []byte) bool { return bytes.Contains(said, []byte(text)) }
}

// ready waits for a word of a child.
func ready(t *testing.T, p *child.Process, word string) {
	t.Helper()
	if err := p.Await(patience, says(word)); err != nil {
		t.Fatal(err)
	}
}

func TestAwaitReturnsOnceTheChildServes(t *testing.T) {
	p, _ := start(t, "sleep 0.1; echo one; echo two >&2; exec sleep 60")
	ready(t, p, "one\ntwo\n")
}

func TestAwaitTellsWhyTheChildEnded(t *testing.T) {
	p, _ := start(t, "echo trouble; echo 'no port'; exit 3")
	err := p.Await(patience, says("ready"))
	if err == nil || err.Error() != "sh ended at once: no port" {
		t.Errorf("got %v", err)
	}
}

// What a child says and then ends is no service.
func TestAChildThatHasEndedDoesNotServe(t *testing.T) {
	p, log := start(t, "echo ready")
	for late := time.Now().Add(patience); ; time.Sleep(time.Millisecond) {
		if said, _ := os.ReadFile(log); len(said) > 0 {
			break
		}
		if time.Now().After(late) {
			t.Fatal("it never says anything")
		}
	}
	p.Stop(patience)
	if err := p.Await(patience, says("ready")); err == nil {
		t.Error("it serves")
	}
}

func TestAwaitEndsAChildThatDoesNotServeInTime(t *testing.T) {
	p, _ := start(t, "exec sleep 60")
	err := p.Await(50*time.Millisecond, says("ready"))
	if err == nil || err.Error() != "sh does not serve after 50ms" {
		t.Errorf("got %v", err)
	}
	if err := p.Pause(); !errors.Is(err, os.ErrProcessDone) {
		t.Errorf("it runs on: %v", err)
	}
}

func TestStopLetsTheChildEndInOrder(t *testing.T) {
	p, log := start(t, `trap 'echo bye; exit' TERM; echo ready; while :; do sleep 0.01; done`)
	ready(t, p, "ready")
	p.Stop(patience)
	if said, _ := os.ReadFile(log); !bytes.HasSuffix(said, []byte("bye\n")) {
		t.Errorf("it said %q", said)
	}
}

func TestStopKillsAChildThatDoesNotEnd(t *testing.T) {
	p, _ := start(t, `trap '' TERM; echo ready; while :; do sleep 0.01; done`)
	ready(t, p, "ready")
	p.Stop(50 * time.Millisecond)
	if err := p.Pause(); !errors.Is(err, os.ErrProcessDone) {
		t.Errorf("it runs on: %v", err)
	}
}

func TestAPausedChildDoesNothingUntilItIsResumed(t *testing.T) {
	p, log := start(t, "while :; do echo on; done")
	ready(t, p, "on")
	if err := p.Pause(); err != nil {
		t.Fatal(err)
	}
	before, _ := os.Stat(log)
	time.Sleep(50 * time.Millisecond)
	after, _ := os.Stat(log)
	if before.Size() != after.Size() {
		t.Errorf("a paused child wrote %d bytes", after.Size()-before.Size())
	}
	if err := p.Resume(); err != nil {
		t.Fatal(err)
	}
	if err := p.Await(patience, func(said []byte) bool { return int64(len(said)) > after.Size() }); err != nil {
		t.Error(err)
	}
}

func TestAPausedChildCanBeKilled(t *testing.T) {
	p, _ := start(t, "echo ready; exec sleep 60")
	ready(t, p, "ready")
	if err := p.Pause(); err != nil {
		t.Fatal(err)
	}
	p.Kill()
	p.Kill()
}

func TestACommandThatIsNotThereIsAnError(t *testing.T) {
	_, err := child.Start(filepath.Join(t.TempDir(), "log"), "no-such-command")
	if !errors.Is(err, exec.ErrNotFound) {
		t.Errorf("got %v", err)
	}
}

func TestAServerIsTriedOnOtherPortsWhileItFails(t *testing.T) {
	var seen []string
	trouble := errors.New("taken")
	err := child.OnFreePorts(2, func(ports []string) error {
		if len(ports) != 2 || ports[0] == ports[1] {
			t.Errorf("ports %v", ports)
		}
		for _, port := range ports {
			l, err := net.Listen("tcp", "127.0.0.1:"+port)
			if err != nil {
				t.Errorf("port %s is not free: %v", port, err)
				continue
			}
			l.Close()
		}
		if seen = append(seen, ports...); len(seen) < 6 {
			return trouble
		}
		return nil
	})
	if err != nil || len(slices.Compact(slices.Sorted(slices.Values(seen)))) < 3 {
		t.Errorf("%v after ports %v", err, seen)
	}
	if err := child.OnFreePorts(1, func([]string) error { return trouble }); err != trouble {
		t.Errorf("a server that never starts: %v", err)
	}
}

// The server of such a port can be stopped and started again: the port stays its own.
func TestAPortIsGivenOnce(t *testing.T) {
	seen := make(map[string]bool)
	for range 200 {
		runtime.GC() // it closes sockets that nobody refers to
		if err := child.OnFreePorts(3, func(ports []string) error {
			for _, port := range ports {
				if seen[port] {
					t.Errorf("port %s is given twice", port)
				}
				seen[port] = true
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	}
}
