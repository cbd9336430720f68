package etcd_test

import (
	"testing"

	"github.com/leasehold-go/leasehold/e2e/etcdtest"
	"github.com/leasehold-go/leasehold/store/storetest"
)

func TestConformance(t *testing.T) {
	for name, members := range map[string]int{"one member": 1, "three members": 3} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cluster := etcdtest.Start(t, etcdtest.Settings{Members: members})
			storetest.Run(t, storetest.Harness{Open: func(t *testing.T) storetest.Fixture {
				return fixture(t, cluster.For(t))
			}})
		})
	}
}

func fixture(t *testing.T, cluster *etcdtest.Cluster) storetest.Fixture {
	var l lines
	other := stranger{t, cluster.Client()}
	empty(t, other.client)
	return storetest.Fixture{
		Store: open(t, l.client(cluster)),
		Peer:  open(t, cluster.Client()),
		Outsider: &storetest.Outsider{
			Put: other.put, Overwrite: other.overwrite, Delete: other.delete, Get: other.get,
		},
		Restart:      cluster.Restart,
		RestartEmpty: cluster.RestartEmpty,
		Pause:        cluster.Pause,
		Resume:       cluster.Resume,
		Cut:          l.cut,
	}
}
