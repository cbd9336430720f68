package leasehold_test

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/leasehold-go/leasehold"

// layers says which packages of this module each package may import. What is not
// in it is not allowed, so a new package has to find its place here first.
var layers = map[string]struct {
	may   []string
	third []string // modules of others that may be linked in; none for most
	why   string
}{
	"":                       {nil, nil, "it is a doc comment"},
	"store":                  {nil, nil, "the contract knows no backend and nobody who uses it"},
	"store/internal/feed":    {[]string{"store"}, nil, "it serves backends, and is one of no store"},
	"store/internal/ahead":   {nil, nil, "it reads ahead in any store"},
	"store/internal/checkup": {[]string{"store"}, nil, "it serves backends, and is one of no store"},
	"store/memory":           {[]string{"store", "store/internal/feed"}, nil, "a backend knows the contract alone"},
	"store/redis": {[]string{"store", "store/internal/ahead", "store/internal/feed", "store/internal/checkup"}, []string{"github.com/redis/go-redis/v9"},
		"a backend knows the contract alone, and its client"},
	"store/etcd": {[]string{"store", "store/internal/ahead", "store/internal/feed", "store/internal/checkup"},
		[]string{"go.etcd.io/etcd/client/v3", "go.etcd.io/etcd/api/v3", "google.golang.org/grpc"},
		"a backend knows the contract alone, and its client"},
	"store/storeurl": {[]string{"store", "store/memory", "store/redis", "store/etcd"},
		[]string{"github.com/redis/go-redis/v9", "go.etcd.io/etcd/client/v3", "go.uber.org/zap"},
		"it opens any store, and so knows all of them"},
	"store/storetest": {[]string{"store"}, []string{"pgregory.net/rapid", "github.com/google/go-cmp"},
		"a suite that any backend can run knows none"},
	"lease":                    {[]string{"store"}, nil, "a lease is held on any store"},
	"fsm":                      {[]string{"fsm/internal/graph"}, nil, "a machine knows no lease: it writes through the interface fsm.Writer"},
	"fsm/internal/graph":       {nil, nil, "it knows states by number, and neither events nor user code"},
	"fsm/internal/order":       {nil, nil, "it is compared with the machine, so it must not use the machine"},
	"fsm/fsmdraw":              {[]string{"fsm"}, nil, "it draws any definition, from the exported API of fsm"},
	"fsm/fsmtest":              {[]string{"fsm", "fsm/internal/order"}, []string{"pgregory.net/rapid"}, "it tests any definition, from the exported API of fsm"},
	"registry":                 {[]string{"fsm", "lease", "store"}, nil, "an instance runs on any store"},
	"registry/publicip":        {nil, nil, "it asks by HTTP, which others do not link in"},
	"registry/probe":           {[]string{"registry", "store"}, nil, "it shows health by HTTP, which others do not link in"},
	"registry/webhook":         {[]string{"registry", "store"}, nil, "it sends notices by HTTP, which others do not link in"},
	"observe/internal/keepers": {[]string{"lease"}, nil, "it serves the modules with metrics, and is one of no system"},
	"observe/internal/series":  {[]string{"fsm"}, nil, "it serves the modules with metrics, and is one of no system"},
	leaf:                       {nil, nil, "it says why a context ended, and knows nothing of the library"},
	"internal/teststore":       {[]string{"store", "store/memory"}, nil, "lease and registry are tested with it, so it must not use them"},
}

// leaf may be imported by every package.
const leaf = "internal/ctxerr"

// programs may import everything unless layers says otherwise: they are what people run, or
// test with.
var programs = []string{"examples/", "internal/"}

func TestAPackageImportsOnlyTheLayersBelowIt(t *testing.T) {
	for _, p := range packages(t) {
		layer, known := layers[p.name]
		if !known && isProgram(p.name) {
			continue
		}
		if !known {
			t.Errorf("%q has no place in the layers: say in layers_test.go what it may import, and why", p.name)
			continue
		}
		for _, path := range p.imports {
			if inner, ours := cut(path); ours && inner != leaf && !slices.Contains(layer.may, inner) {
				t.Errorf("%s imports %s, but may import only %q: %s", p.name, inner, layer.may, layer.why)
			}
		}
	}
}

// The two programs of an example differ in their stores alone.
func TestTheServersOfAnExampleAreNoTwinOfIt(t *testing.T) {
	imports := make(map[string][]string)
	for _, p := range packages(t) {
		imports[p.name] = p.imports
	}
	pairs := 0
	for name, theirs := range imports {
		example, ok := strings.CutSuffix(name, "/servers")
		if !ok || example == "examples/internal" {
			continue
		}
		pairs++
		both := slices.Concat(imports[example], theirs)
		for _, path := range both {
			inner, _ := cut(path)
			if body := strings.HasPrefix(inner, example+"/"); !body && !strings.HasPrefix(inner, "examples/internal/") {
				t.Errorf("%s or %s imports %s: the code of an example belongs into the package that both import", example, name, path)
			}
		}
	}
	if pairs == 0 {
		t.Error("no example has a folder servers")
	}
}

func TestTheCoreNeedsTheStandardLibraryAlone(t *testing.T) {
	for _, p := range packages(t) {
		layer, known := layers[p.name]
		if !known {
			continue
		}
		for _, path := range p.imports {
			_, ours := cut(path)
			standard := !strings.Contains(strings.Split(path, "/")[0], ".")
			if !ours && !standard && !slices.ContainsFunc(layer.third, func(m string) bool { return strings.HasPrefix(path, m) }) {
				t.Errorf("%s imports %s, but may use only the standard library and %q: whoever imports it would get that too", p.name, path, layer.third)
			}
		}
	}
}

type pkg struct {
	name    string // within the module
	imports []string
}

// packages asks the go command; test files do not count.
func packages(t *testing.T) []pkg {
	t.Helper()
	out, err := exec.Command("go", "list", "-f", `{{.ImportPath}} {{join .Imports " "}}`, "./...").Output()
	if err != nil {
		t.Fatal(err)
	}
	var all []pkg
	for line := range strings.Lines(string(out)) {
		fields := strings.Fields(line)
		name, _ := cut(fields[0])
		all = append(all, pkg{name, fields[1:]})
	}
	if len(all) < len(layers) {
		t.Fatalf("only %d packages: %v", len(all), all)
	}
	return all
}

// cut makes an import path relative to the module, if it is in it.
func cut(path string) (string, bool) {
	rest, ours := strings.CutPrefix(path, module)
	return strings.TrimPrefix(rest, "/"), ours
}

func isProgram(name string) bool {
	return slices.ContainsFunc(programs, func(dir string) bool { return strings.HasPrefix(name, dir) })
}
