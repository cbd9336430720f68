package registry

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
)

// thisProcess reads the files of proc_pid_stat(5), random(4) and pid_namespaces(7). If /proc
// belongs to another PID namespace, only the id is known.
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

// mayRun reports whether p may still run in this PID namespace. It tries a signal before /proc,
// because a mount option of /proc can hide processes.
func mayRun(p Process) bool {
	if errors.Is(syscall.Kill(p.ID, 0), syscall.ESRCH) {
		return false
	}
	stat, err := readStat(p.ID)
	return err != nil || stat.start == p.Start && !stat.zombie
}

// stat holds the fields of /proc/[pid]/stat that mayRun needs.
type stat struct {
	zombie bool // ended, but not yet waited for by its parent
	start  uint64
}

// readStat reads and parses /proc/[pid]/stat.
func readStat(pid int) (stat, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return stat{}, err
	}
	return parseStat(string(text))
}

// parseStat parses /proc/[pid]/stat. The command name, the second field, is in parentheses and
// may itself contain spaces and parentheses.
func parseStat(text string) (stat, error) {
	const state, threads, start = 0, 17, 19 // fields 3, 20 and 22, counted from the third
	fields := strings.Fields(text[strings.LastIndexByte(text, ')')+1:])
	if len(fields) <= start {
		return stat{}, fmt.Errorf("/proc/[pid]/stat has %d fields after the command name, want more than %d", len(fields), start)
	}
	ticks, err := strconv.ParseUint(fields[start], 10, 64)
	// The first thread of a process may be a zombie while other threads still run.
	return stat{zombie: fields[state] == "Z" && fields[threads] == "1", start: ticks}, err
}
