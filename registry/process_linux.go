package registry

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
)

// thisProcess reads the files of proc_pid_stat(5), random(4) and namespaces(7). If /proc belongs
// to another PID namespace, only the id is known.
func thisProcess() Process {
	p := Process{ID: os.Getpid()}
	if status, err := os.ReadFile("/proc/self/status"); err != nil || !inNamespaceOfProc(string(status), p.ID) {
		return p
	}
	if stat, err := readStat(p.ID); err == nil {
		p.Start = stat.start
	}
	if boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id"); err == nil {
		p.Boot = strings.TrimSpace(string(boot))
	}
	p.Namespace, _ = os.Readlink("/proc/self/ns/pid")
	p.TimeNamespace, _ = os.Readlink("/proc/self/ns/time")
	return p
}

// inNamespaceOfProc reports whether a process is in the PID namespace that its /proc shows. In
// /proc/[pid]/status, NSpid lists the ids of the process in that namespace and in every
// namespace further in. The first id alone can be equal by chance.
func inNamespaceOfProc(status string, pid int) bool {
	_, rest, _ := strings.Cut(status, "\nNSpid:")
	ids, _, _ := strings.Cut(rest, "\n")
	return strings.TrimSpace(ids) == strconv.Itoa(pid)
}

// isDead reports whether p has certainly ended. The kernel gives the number of a namespace to
// another one only after every process in the first has ended.
func isDead(p Process) bool {
	here := thisProcess()
	known := p.ID > 0 && p.Start > 0 && p.Boot != "" && p.Namespace != "" && p.TimeNamespace != ""
	if !known || p.Boot != here.Boot || p.Namespace != here.Namespace || p.TimeNamespace != here.TimeNamespace {
		return false
	}
	// Try a signal before /proc, because a mount option of /proc can hide processes.
	if errors.Is(syscall.Kill(p.ID, 0), syscall.ESRCH) {
		return true
	}
	stat, err := readStat(p.ID)
	return err == nil && (stat.start != p.Start || stat.zombie)
}

// stat holds the fields of /proc/[pid]/stat that isDead needs.
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
