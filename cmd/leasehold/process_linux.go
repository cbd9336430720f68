package main

import "syscall"

// attributes has the child end with this process, in a process group of its own or not.
func attributes(group bool) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: group, Pdeathsig: syscall.SIGTERM}
}
