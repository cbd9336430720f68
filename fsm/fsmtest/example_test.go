package fsmtest_test

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/leasehold-go/leasehold/fsm"
	"github.com/leasehold-go/leasehold/fsm/fsmtest"
)

type disk struct{ Path string }

var (
	mount  = fsm.NewEvent[disk]("mount")
	player = fsm.MustDefine("idle", fsm.Table[string]{
		"idle":   {"active"},
		"active": {"idle", "failed"},
		"failed": {"idle"},
	}, fsm.On(mount, fsm.From("idle"), "active"))
)

// A test of a lifecycle: random calls, permitted and forbidden, with random disks.
func ExampleCheck() {
	_ = func(t *testing.T) { // func TestLifecycle(t *testing.T)
		fsmtest.Check(t, player, fsmtest.Arg[string](mount, rapid.Make[disk]()))
	}
}

// A test that takes every edge once at least, in a subtest for each path.
func ExampleCover() {
	_ = func(t *testing.T) { // func TestEveryEdge(t *testing.T)
		fsmtest.Cover(t, player)
	}
}
