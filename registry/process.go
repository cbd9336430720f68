package registry

// Process names one process for certain among all that ever ran on a machine: a
// process id alone is given out again and again. What the platform does not tell
// is zero.
type Process struct {
	ID int `json:"pid"`
	// Start is when it started, in clock ticks since boot.
	Start uint64 `json:"start,omitempty"`
	// Boot names the boot of the machine's kernel.
	Boot string `json:"boot,omitempty"`
	// Namespace names the PID namespace, within which ID has a meaning.
	Namespace string `json:"namespace,omitempty"`
}

// deadFor reports whether p is certain to be dead, seen from self. What is not
// known of either counts as doubt.
func (p Process) deadFor(self Process) bool {
	known := p.ID > 0 && p.Start > 0 && p.Boot != "" && p.Namespace != ""
	return known && p.Boot == self.Boot && p.Namespace == self.Namespace && !mayRun(p)
}
