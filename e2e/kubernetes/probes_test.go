package kubernetes_test

import (
	"syscall"
	"testing"

	"k8s.io/kubernetes/pkg/probe"

	"github.com/leasehold-go/leasehold/internal/full"
	"github.com/leasehold-go/leasehold/internal/redistest"
)

func TestTimesOfTheManifestFit(t *testing.T) {
	full.Only(t)
	spec := manifest(t).Spec.Template.Spec
	c := spec.Containers[0]
	const piece, leave = 30, 10 // seconds: the default of -alive, and of LeaveTimeout
	if grace := *spec.TerminationGracePeriodSeconds; grace <= piece+leave {
		t.Errorf("the pod has %d s to end, and may need more than %d s", grace, piece+leave)
	}
	if grace := *c.LivenessProbe.TerminationGracePeriodSeconds; grace >= *spec.TerminationGracePeriodSeconds {
		t.Errorf("a stuck process has %d s to end", grace)
	}
	for _, p := range []int32{c.LivenessProbe.TimeoutSeconds, c.ReadinessProbe.TimeoutSeconds} {
		if p < 2 {
			t.Errorf("a probe has %d s, which is short on a busy machine", p)
		}
	}
}

// A rolling update: the new pod waits for the key, and is ready so that the old one is stopped.
func TestRollingUpdate(t *testing.T) {
	full.Only(t)
	t.Parallel()
	redis := redistest.Start(t)
	old := start(t, redis.URL())
	old.awaits(old.container.ReadinessProbe, probe.Success)
	old.works()
	fresh := start(t, redis.URL())
	fresh.awaits(fresh.container.ReadinessProbe, probe.Success)
	fresh.wants("waiting", probe.Success, probe.Success)

	unblock := old.block()
	old.cmd.Process.Signal(syscall.SIGTERM)
	old.awaits(old.container.ReadinessProbe, probe.Failure)
	old.wants("told to end", probe.Success, probe.Failure)
	if n, err := redis.Client().Exists(t.Context(), "example:service").Result(); err != nil || n != 1 {
		t.Errorf("its record is gone before its work has ended (%d, %v)", n, err)
	}
	unblock()
	old.exits(0)
	old.wants("gone", probe.Failure, probe.Failure)
	fresh.works()
	fresh.wants("in its place", probe.Success, probe.Success)
}

func TestStuckServiceIsNotLive(t *testing.T) {
	full.Only(t)
	t.Parallel()
	redis := redistest.Start(t)
	stuck := start(t, redis.URL(), "-alive", "1s", "-ttl", "6s")
	stuck.works()
	other := start(t, redis.URL())
	unblock := stuck.block()
	stuck.awaits(stuck.container.LivenessProbe, probe.Failure)
	stuck.wants("stuck", probe.Failure, probe.Failure)
	other.works() // the gate has let the key go, and nobody has ended the process
	unblock()
	stuck.awaits(stuck.container.LivenessProbe, probe.Success)
	stuck.awaits(stuck.container.ReadinessProbe, probe.Success)
}

// No probe asks the store, and a store that is away ends no process.
func TestServiceWithoutItsStoreIsLive(t *testing.T) {
	full.Only(t)
	t.Parallel()
	redis := redistest.Start(t)
	p := start(t, redis.URL(), "-ttl", "3s")
	p.awaits(p.container.ReadinessProbe, probe.Success)
	redis.Pause()
	p.awaits(p.container.ReadinessProbe, probe.Failure) // its lease is lost
	p.wants("without the store", probe.Success, probe.Failure)
	redis.Resume()
	p.awaits(p.container.ReadinessProbe, probe.Success)
	p.works()
}
