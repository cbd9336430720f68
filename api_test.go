package leasehold_test

import (
	"bytes"
	"flag"
	"go/ast"
	"go/build"
	"go/doc"
	"go/format"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the files anew that a test compares")

// docs/api has the exported declarations of each package, so that a change of the API shows
// in a change of a file.
func TestAPIFilesAreUpToDate(t *testing.T) {
	files := make(map[string]bool) // in docs/api
	for _, p := range packages(t) {
		if p.name == "" || isProgram(p.name) || strings.Contains(p.name, "internal") {
			continue
		}
		name := strings.ReplaceAll(p.name, "/", "_") + ".txt"
		files[name] = true
		got, path := declarations(t, p.name), filepath.Join("docs", "api", name)
		if *update {
			if err := os.WriteFile(path, got, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Error(err)
		}
		if diff := cmp.Diff(string(want), string(got)); diff != "" {
			t.Errorf("the API of %s has changed. If that is meant: go test . -run API -update\n(-%s +now)\n%s", p.name, path, diff)
		}
	}
	listed, err := os.ReadDir(filepath.Join("docs", "api"))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range listed {
		if !files[f.Name()] {
			t.Errorf("docs/api/%s is of no package", f.Name())
		}
	}
}

// declarations prints the exported declarations of a package, without comments.
func declarations(t *testing.T, dir string) []byte {
	t.Helper()
	found, err := build.ImportDir(dir, 0)
	if err != nil {
		t.Fatal(err)
	}
	set := token.NewFileSet()
	var files []*ast.File
	for _, name := range found.GoFiles {
		f, err := parser.ParseFile(set, filepath.Join(dir, name), nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		ast.FileExports(f)
		for _, decl := range f.Decls {
			if fn, ok := decl.(*ast.FuncDecl); ok {
				fn.Body = nil
			}
		}
		files = append(files, f)
	}
	api, err := doc.NewFromFiles(set, files, module+"/"+dir, doc.PreserveAST)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	show := func(decl ast.Decl) {
		if err := format.Node(&out, set, decl); err != nil {
			t.Fatal(err)
		}
		out.WriteString("\n\n")
	}
	values := func(groups []*doc.Value) {
		for _, v := range groups {
			show(v.Decl)
		}
	}
	functions := func(all []*doc.Func) {
		for _, f := range all {
			show(f.Decl)
		}
	}
	out.WriteString("package " + api.Name + "\n\n")
	values(api.Consts)
	values(api.Vars)
	functions(api.Funcs)
	for _, typ := range api.Types {
		show(typ.Decl)
		values(typ.Consts)
		values(typ.Vars)
		functions(typ.Funcs)
		functions(typ.Methods)
	}
	return append(bytes.TrimSpace(out.Bytes()), '\n')
}
