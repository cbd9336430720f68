//go:build !linux

package child

import "os/exec"

// dieWithParent does nothing where the kernel has no such service.
func dieWithParent(*exec.Cmd) {}

// awaitStop does not wait where it cannot be told when.
func awaitStop(int) {}
