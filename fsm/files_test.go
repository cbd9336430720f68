package fsm_test

import (
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// fileLayers lists the files of this package from top to bottom. A file may reference files
// of its own layer and below; so a reader who goes down never has to come back up.
var fileLayers = [][]string{
	{"doc.go"},
	{"call.go", "start.go", "new.go", "restore.go", "migrate.go", "subscribe.go"},
	{"steps.go"},
	{"value.go"},
	{"machine.go", "option.go"},
	{"turn.go", "timers.go", "history.go", "watchers.go", "clock.go"},
	{"definition.go", "compile.go", "compile_events.go", "check.go", "describe.go", "description.go", "forms.go"},
	{"rule.go", "event.go", "substates.go", "timeout.go", "data.go", "table.go"},
	{"transition.go", "snapshot.go", "errors.go"},
}

func TestFilesReferenceNoLayerAbove(t *testing.T) {
	layer := func(file string) int {
		return slices.IndexFunc(fileLayers, func(files []string) bool { return slices.Contains(files, file) })
	}
	paths, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	set := token.NewFileSet()
	var files []*ast.File
	for _, path := range paths {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		if layer(path) < 0 {
			t.Errorf("%s has no place in fileLayers", path)
		}
		f, err := parser.ParseFile(set, path, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, f)
	}
	info := &types.Info{Uses: make(map[*ast.Ident]types.Object)}
	conf := types.Config{Importer: importer.ForCompiler(set, "source", nil)}
	pkg, err := conf.Check("fsm", set, files, info)
	if err != nil {
		t.Fatal(err)
	}
	references := 0
	for use, obj := range info.Uses {
		if _, method := obj.(*types.Func); obj.Pkg() != pkg || !method && obj.Parent() != pkg.Scope() {
			continue // a field or a local name comes with its type
		}
		from, to := set.Position(use.Pos()).Filename, set.Position(obj.Pos()).Filename
		references++
		if layer(to) < layer(from) {
			t.Errorf("%v uses %s of %s, which is above it", set.Position(use.Pos()), obj.Name(), to)
		}
	}
	if references < 500 {
		t.Errorf("only %d references were found", references)
	}
}
