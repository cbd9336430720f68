package main

import "syscall"

// attributes has the child killed when this process ends, because nobody renews the lease then. The
// child is in a process group of its own or not.
func attributes(group bool) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: group, Pdeathsig: syscall.SIGKILL}
}
