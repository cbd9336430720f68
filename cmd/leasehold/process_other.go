//go:build unix && !linux

package main

import "syscall"

// attributes puts the child into a process group of its own or not. If this process is killed, the
// child goes on.
func attributes(group bool) *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: group} }
