package child_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/leasehold-go/leasehold/internal/child"
)

// The test itself is the parent that is killed.
func TestAChildEndsWithItsParent(t *testing.T) {
	if log := os.Getenv("CHILD_LOG"); log != "" {
		p, err := child.Start(log, "sh", "-c", "echo $$; exec sleep 60")
		if err != nil {
			t.Fatal(err)
		}
		ready(t, p, "\n")
		os.Stdout.WriteString("started\n")
		select {}
	}
	log := filepath.Join(t.TempDir(), "log")
	parent := exec.Command(os.Args[0], "-test.run=^TestAChildEndsWithItsParent$")
	parent.Env = append(os.Environ(), "CHILD_LOG="+log)
	stdout, err := parent.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := parent.Start(); err != nil {
		t.Fatal(err)
	}
	stdout.Read(make([]byte, 8))
	parent.Process.Kill()
	parent.Wait()
	said, _ := os.ReadFile(log)
	proc := filepath.Join("/proc", strings.TrimSpace(string(said)), "cmdline")
	for late := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		if line, _ := os.ReadFile(proc); !bytes.Contains(line, []byte("sleep")) {
			return
		}
		if time.Now().After(late) {
			t.Fatalf("process %s outlives its parent", said)
		}
	}
}
