package redistest

import (
	"os/exec"
	"syscall"
)

// dieWithParent has the kernel kill the child with the test's process, also when
// that one is killed and can clean up nothing.
func dieWithParent(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}
