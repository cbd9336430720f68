//go:build !linux

package child

import "sync"

var reserved sync.Map // the ports of this process; those of others are not known

func reserve(port string) bool {
	_, taken := reserved.LoadOrStore(port, nil)
	return !taken
}
