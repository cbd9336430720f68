package leasehold_test

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// linked says which modules of others end up in a program that imports a package,
// as the package needs them or as what it needs does.
var linked = map[string][]string{
	"fsm":               nil,
	"fsm/fsmdraw":       nil,
	"fsm/fsmtest":       {"pgregory.net/rapid"},
	"lease":             nil,
	"registry":          nil,
	"registry/probe":    nil,
	"registry/publicip": nil,
	"registry/webhook":  nil,
	"store":             nil,
	"store/memory":      nil,
	"store/redis": {
		"github.com/cespare/xxhash/v2",
		"github.com/redis/go-redis/v9",
		"go.uber.org/atomic",
		"golang.org/x/sys",
	},
	"store/etcd": {
		"github.com/coreos/go-semver",
		"github.com/coreos/go-systemd/v22",
		"github.com/golang/protobuf",
		"github.com/grpc-ecosystem/grpc-gateway/v2",
		"go.etcd.io/etcd/api/v3",
		"go.etcd.io/etcd/client/pkg/v3",
		"go.etcd.io/etcd/client/v3",
		"go.uber.org/multierr",
		"go.uber.org/zap",
		"golang.org/x/net",
		"golang.org/x/sys",
		"golang.org/x/text",
		"google.golang.org/genproto/googleapis/api",
		"google.golang.org/genproto/googleapis/rpc",
		"google.golang.org/grpc",
		"google.golang.org/protobuf",
	},
	"store/storetest": {"pgregory.net/rapid"},
}

func TestAPackageLinksInNoMoreThanItsList(t *testing.T) {
	for name, want := range linked {
		got := modulesIn(t, "./"+name)
		for _, m := range got {
			if !slices.Contains(want, m) {
				t.Errorf("%s links in %s: whoever imports it gets that too, with its faults and its updates; do without, or put it on the list and say in the commit why", name, m)
			}
		}
		for _, m := range want {
			if !slices.Contains(got, m) {
				t.Errorf("%s no longer links in %s: take it off the list, so that it does not come back unseen", name, m)
			}
		}
	}
}

// The core does without package net/http: with the TLS and the certificates that it brings, it
// takes longer to compile than all that the core needs besides.
func TestTheCoreLinksInNoHTTP(t *testing.T) {
	for _, name := range []string{"fsm", "lease", "registry", "store", "store/memory"} {
		if slices.Contains(depsOf(t, "{{.ImportPath}}", "./"+name), "net/http") {
			t.Errorf("%s links in net/http: the packages below registry have room for it", name)
		}
	}
}

// A user who tries an example compiles it first. The clients of the servers take most of that time, so
// an example has them only in its folder servers, and otherwise nothing of others.
func TestAnExampleLinksInServersOnlyInItsFolderServers(t *testing.T) {
	tried := 0
	for _, p := range packages(t) {
		switch dir, inExamples := strings.CutPrefix(p.name, "examples/"); {
		case !inExamples, dir == "internal/readmetest":
		case dir == "service", dir == "worker": // to be deployed
		case strings.HasSuffix(dir, "/servers"):
		default:
			tried++
			if modules := modulesIn(t, "./"+p.name); len(modules) > 0 {
				t.Errorf("%s links in %q: move what needs them to the folder servers of the example", p.name, modules)
			}
		}
	}
	if tried < 5 {
		t.Errorf("only %d packages of examples", tried)
	}
}

// modulesIn returns the modules of others that a package needs, directly or not.
func modulesIn(t *testing.T, path string) []string {
	t.Helper()
	all := depsOf(t, "{{with .Module}}{{.Path}}{{end}}", path)
	slices.Sort(all)
	return slices.DeleteFunc(slices.Compact(all), func(m string) bool { return m == module })
}

// depsOf asks the go command for a package and all that it needs, in a format of go list.
func depsOf(t *testing.T, format, path string) []string {
	t.Helper()
	out, err := exec.Command("go", "list", "-deps", "-f", format, path).Output()
	if err != nil {
		t.Fatalf("go list %s: %v", path, err)
	}
	return strings.Fields(string(out))
}
