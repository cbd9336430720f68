package registry

// Process identifies one process among all that ever ran on a machine, because process ids are
// reused. Fields that the platform does not provide are zero.
type Process struct {
	ID int `json:"pid"`
	// Start is the start time in clock ticks since boot, by the clock of TimeNamespace.
	Start uint64 `json:"start,omitempty"`
	// Boot is the boot id of the kernel.
	Boot string `json:"boot,omitempty"`
	// Namespace is the PID namespace of ID.
	Namespace string `json:"namespace,omitempty"`
	// TimeNamespace is the time namespace of the process. Records of earlier versions have none.
	TimeNamespace string `json:"time_namespace,omitempty"`
}
