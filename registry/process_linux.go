package registry

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
)

// thisProcess reads what proc_pid_stat(5), random(4) and pid_namespaces(7) tell. A
// /proc that was mounted for another PID namespace speaks of other processes.
func thisProcess() Process {
	p := Process{ID: os.Getpid()}
	if self, err := os.Readlink("/proc/self"); err != nil || self != strconv.Itoa(p.ID) {
		return p
	}
	if stat, err := readStat(p.ID); err == nil {
		p.Start = stat.start
	}
	if boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id"); err == nil {
		p.Boot = strings.TrimSpace(string(boot))
	}
	p.Namespace, _ = os.Readlink("/proc/self/ns/pid")
	return p
}

// mayRun reports whether p may still be running in this PID namespace. The signal
// is asked before /proc, which can be mounted so that it hides processes.
func mayRun(p Process) bool {
	if errors.Is(syscall.Kill(p.ID, 0), syscall.ESRCH) {
		return false
	}
	stat, err := readStat(p.ID)
	return err != nil || stat.start == p.Start && !stat.zombie
}

// stat is what concerns us of a process.
type stat struct {
	zombie bool // it has ended, and its parent has not asked for its status yet
	start  uint64
}

// readStat reads /proc/[pid]/stat.
func readStat(pid int) (stat, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return stat{}, err
	}
	return parseStat(string(text))
}

// parseStat finds the fields. The second, the name of the command, is in parentheses
// and may itself have spaces and parentheses.
func parseStat(text string) (stat, error) {
	const state, threads, start = 0, 17, 19 // fields 3, 20 and 22, counted from the third
	fields := strings.Fields(text[strings.LastIndexByte(text, ')')+1:])
	if len(fields) <= start {
		return stat{}, fmt.Errorf("the stat of a process has %d fields after the name", len(fields))
	}
	ticks, err := strconv.ParseUint(fields[start], 10, 64)
	// The first thread of a process may be a zombie while others still run.
	return stat{zombie: fields[state] == "Z" && fields[threads] == "1", start: ticks}, err
}
