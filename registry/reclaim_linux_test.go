package registry_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/leasehold-go/leasehold/internal/teststore"
	"github.com/leasehold-go/leasehold/registry"
)

// self returns the Process that an instance of this process publishes.
func self(t *testing.T) (p registry.Process) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { p = register(t, newKeeper(t, teststore.New())).Status().Process })
	if p.ID != os.Getpid() || p.Start == 0 || p.Boot == "" || p.Namespace == "" || p.TimeNamespace == "" {
		t.Fatalf("this process is published as %+v", p)
	}
	return p
}

// wantReclaimed fails unless Register reclaims a record of p, or does not if want is false.
func wantReclaimed(t *testing.T, p registry.Process, want bool) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		st := teststore.New()
		k := newKeeper(t, st)
		putRecord(t, k, "other", p)
		cfg := configure(func(c *config) { c.Reclaim = registry.ReclaimDead })
		inst, err := registry.Register(t.Context(), k, lifecycle, cfg)
		if (err == nil) != want || (len(st.Sent(teststore.Delete)) > 0) != want {
			t.Errorf("%+v: %v, want it reclaimed: %v", p, err, want)
		}
		if err == nil {
			wantAgreement(t, st, inst)
			_ = inst.Deregister(t.Context())
		}
	})
}

// startSleep starts a process that sleeps until the test ends.
func startSleep(t *testing.T) *exec.Cmd {
	t.Helper()
	cmd := exec.Command("sleep", "60")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	return cmd
}

// fields returns the fields of /proc/[pid]/stat from the third on; see proc_pid_stat(5).
func fields(t *testing.T, pid int) []string {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), ") ")
	return strings.Fields(rest)
}

// process returns the Process of a child.
func process(t *testing.T, pid int) registry.Process {
	t.Helper()
	p := self(t)
	p.ID = pid
	if _, err := fmt.Sscan(fields(t, pid)[19], &p.Start); err != nil {
		t.Fatal(err)
	}
	return p
}

func TestRunningProcessIsNotReclaimed(t *testing.T) {
	wantReclaimed(t, self(t), false)
	wantReclaimed(t, process(t, startSleep(t).Process.Pid), false)
	wantReclaimed(t, process(t, 1), false) // of any user
}

func TestDeadProcessIsReclaimed(t *testing.T) {
	cmd := startSleep(t)
	p := process(t, cmd.Process.Pid)
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	wantReclaimed(t, p, true)
}

// A zombie still has an entry in the process table.
func TestZombieIsReclaimed(t *testing.T) {
	cmd := startSleep(t)
	p := process(t, cmd.Process.Pid)
	_ = cmd.Process.Kill()
	for fields(t, cmd.Process.Pid)[0] != "Z" {
		time.Sleep(time.Millisecond)
	}
	wantReclaimed(t, p, true)
}

// The record has the id of a running process, but another start time.
func TestReusedProcessIDIsReclaimed(t *testing.T) {
	p := self(t)
	p.Start--
	wantReclaimed(t, p, true)
}

func TestProcessWithAnUnknownFieldIsNotReclaimed(t *testing.T) {
	cmd := startSleep(t)
	dead := process(t, cmd.Process.Pid)
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	for name, change := range map[string]func(*registry.Process){
		"nothing known":     func(p *registry.Process) { *p = registry.Process{} },
		"no id":             func(p *registry.Process) { p.ID = 0 },
		"a group's id":      func(p *registry.Process) { p.ID = -p.ID },
		"no start":          func(p *registry.Process) { p.Start = 0 },
		"no boot":           func(p *registry.Process) { p.Boot = "" },
		"no namespace":      func(p *registry.Process) { p.Namespace = "" },
		"no time namespace": func(p *registry.Process) { p.TimeNamespace = "" }, // of an earlier version
		"another boot":      func(p *registry.Process) { p.Boot = "1c9f2c1e-0000-0000-0000-000000000000" },
		"another namespace": func(p *registry.Process) { p.Namespace = "pid:[1]" },
		"another time":      func(p *registry.Process) { p.TimeNamespace = "time:[1]" },
	} {
		t.Run(name, func(t *testing.T) {
			doubtful := dead
			change(&doubtful)
			wantReclaimed(t, doubtful, false)
		})
	}
	wantReclaimed(t, dead, true) // control: the unchanged process is reclaimed
}

// Another keeper renews the record, so that only a reclaim can end the wait.
func TestProcessThatDiesDuringWaitIsReclaimed(t *testing.T) {
	cmd := startSleep(t)
	p := process(t, cmd.Process.Pid)
	synctest.Test(t, func(t *testing.T) {
		st := teststore.New()
		k := newKeeper(t, st)
		putRecord(t, k, "other", p)
		time.AfterFunc(time.Hour, func() {
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
		})
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Hour)
		defer cancel()
		start := time.Now()
		cfg := configure(wait, func(c *config) { c.Reclaim = registry.ReclaimDead })
		inst, err := registry.Register(ctx, k, lifecycle, cfg)
		if err != nil {
			t.Fatal(err)
		}
		if waited := time.Since(start); waited < time.Hour || waited > time.Hour+ttl {
			t.Errorf("waited %v, want an hour and at most a TTL", waited)
		}
		wantAgreement(t, st, inst)
		_ = inst.Deregister(t.Context())
	})
}
