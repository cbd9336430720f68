package program

import (
	"errors"
	"fmt"
	"os"
	"sync"
)

// Members runs a fleet of n members in this process, each with a name of its own, KIND-PID.N, and
// returns the errors of all once the last has ended.
func Members(n int, kind string, run func(name string) error) error {
	failed := make([]error, max(n, 0))
	var all sync.WaitGroup
	for i := range failed {
		all.Go(func() { failed[i] = run(fmt.Sprintf("%s-%d.%d", kind, os.Getpid(), i+1)) })
	}
	all.Wait()
	return errors.Join(failed...)
}
