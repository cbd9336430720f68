package child

import (
	"os/exec"
	"syscall"
)

// dieWithParent has the kernel kill the child with this process, also when
// that one is killed and can clean up nothing.
func dieWithParent(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}

// awaitStop waits until every thread of a child that was sent SIGSTOP has stopped, or
// the child has ended. Until one of its threads gets to the signal the others run on.
func awaitStop(pid int) {
	const byPid = 1 // P_PID of waitid(2)
	for {
		_, _, err := syscall.Syscall6(syscall.SYS_WAITID, byPid, uintptr(pid), 0,
			syscall.WSTOPPED|syscall.WEXITED|syscall.WNOWAIT, 0, 0)
		if err != syscall.EINTR {
			return
		}
	}
}
