package main

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"slices"
	"strings"
	"syscall"
)

// enter makes this the first process of its PID namespace in earnest, with a /proc
// that speaks of it, and becomes the command.
func enter(command []string) {
	if err := syscall.Mount("", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, ""); err != nil {
		fail("keep mounts to this namespace", err)
	}
	if err := syscall.Mount("proc", "/proc", "proc", 0, ""); err != nil {
		fail("mount /proc", err)
	}
	fail("exec", syscall.Exec(command[0], command, os.Environ()))
}

// shift enters a new time namespace, 1,000 s ahead in its time since boot, and becomes the
// command. Older kernels move only new processes into the namespace, not a program that replaces
// this one.
func shift(command []string) {
	runtime.LockOSThread()
	const newTime = 0x80 // CLONE_NEWTIME
	if err := syscall.Unshare(newTime); err != nil {
		fail("unshare the time namespace", err)
	}
	offsets := fmt.Sprintf("/proc/%d/timens_offsets", syscall.Gettid())
	if err := os.WriteFile(offsets, []byte("boottime 1000 0\n"), 0); err != nil {
		fail("set the offset of the time namespace", err)
	}
	fail("exec", syscall.Exec(command[0], command, os.Environ()))
}

// fail ends the process with an error.
func fail(what string, err error) {
	fmt.Fprintf(os.Stderr, "holder: %s: %v\n", what, err)
	os.Exit(1)
}

// succeed runs two programs beside each other: "succeed kill FIRST... then SECOND...".
// The second starts once the first has registered, and has been killed; with "spare"
// in place of "kill", while it lives. The output of the second and a SIGTERM to it are passed on,
// and its exit code is returned.
func succeed(args []string) int {
	then := slices.Index(args, "then")
	first := exec.Command(args[1], args[2:then]...)
	stdout, err := first.StdoutPipe()
	if err != nil {
		panic(err)
	}
	first.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := first.Start(); err != nil {
		panic(err)
	}
	lines := bufio.NewScanner(stdout)
	for lines.Scan() && !strings.Contains(lines.Text(), `"registered"`) {
	}
	end := func() {
		first.Process.Kill()
		first.Wait()
	}
	if args[0] == "kill" {
		end()
	} else {
		defer end()
		go func() {
			for lines.Scan() { // or it could not write any more
			}
		}()
	}
	second := exec.Command(args[then+1], args[then+2:]...)
	second.Stdout, second.Stderr = os.Stdout, os.Stderr
	second.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	told := make(chan os.Signal, 1)
	signal.Notify(told, syscall.SIGTERM)
	if err := second.Start(); err != nil {
		panic(err)
	}
	go func() {
		<-told
		second.Process.Signal(syscall.SIGTERM)
	}()
	second.Wait() // the exit code says how it ended
	return second.ProcessState.ExitCode()
}
