package leasehold_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"
)

// sources has the files, by document, of which its blocks of Go code are parts. Each is compiled
// with the tests of its module.
var sources = map[string][]string{
	"README.md":                 {"example_test.go", "examples/worker/main.go", "e2e/observe/service_test.go"},
	"docs/guarantees.md":        {"e2e/fencing/sql_test.go", "e2e/fencing/object_test.go", "e2e/fencing/queue_test.go"},
	"docs/migrating.md":         {"bench/migrating_test.go", "bench/locks/migrating_test.go", "examples/exchange/connector/record.go"},
	"docs/recipes.md":           {"example_test.go", "recipes_test.go", "examples/sqlrow/recipe_test.go", "examples/service/main.go"},
	"examples/sqlrow/README.md": {"examples/sqlrow/main.go"},
}

func TestTheCodeInTheDocumentsIsCompiled(t *testing.T) {
	code := regexp.MustCompile("(?s)\n```go\n(.*?)```\n")
	compared := 0
	for name, text := range documents(t) {
		var examples string
		for _, source := range sources[name] {
			examples += flat(t, source)
		}
		for _, block := range code.FindAllStringSubmatch(unindented.ReplaceAllString(text, ""), -1) {
			compared++
			if !strings.Contains(examples, block[1]) {
				t.Errorf("%s: not in %q:\n%s", name, sources[name], block[1])
			}
		}
	}
	if compared < 10 {
		t.Errorf("only %d blocks of Go code in the documents", compared)
	}
}

// A link within the repository leads to a file or a directory that exists, and to a heading that
// the document has.
func TestEveryLinkInTheDocumentsLeadsSomewhere(t *testing.T) {
	fences := regexp.MustCompile("(?ms)^ *```.*?^ *```$")
	links := regexp.MustCompile(`\]\(([^)\s]+)\)`)
	all := documents(t)
	followed := 0
	for name, text := range all {
		for _, link := range links.FindAllStringSubmatch(fences.ReplaceAllString(text, ""), -1) {
			target, anchor, _ := strings.Cut(link[1], "#")
			if strings.Contains(target, "://") {
				continue
			}
			followed++
			path := name
			if target != "" {
				path = filepath.Join(filepath.Dir(name), target)
			}
			if _, err := os.Stat(path); err != nil {
				t.Errorf("%s: link to %s: %v", name, link[1], err)
			} else if anchor != "" && !slices.Contains(anchors(all[filepath.ToSlash(path)]), anchor) {
				t.Errorf("%s: link to %s: %s has no such heading", name, link[1], path)
			}
		}
	}
	if followed < 50 {
		t.Errorf("only %d links in the documents", followed)
	}
}

// A test that a document names exists.
func TestEveryTestThatADocumentNamesExists(t *testing.T) {
	exists := make(map[string]bool)
	walk(t, "_test.go", func(_, text string) {
		for line := range strings.Lines(text) {
			if name, ok := strings.CutPrefix(line, "func Test"); ok {
				name, _, _ = strings.Cut(name, "(")
				exists["Test"+name] = true
			}
		}
	})
	named := 0
	for document, text := range documents(t) {
		for _, found := range regexp.MustCompile(`\x60(Test\w+)\x60`).FindAllStringSubmatch(text, -1) {
			named++
			if !exists[found[1]] {
				t.Errorf("%s names %s", document, found[1])
			}
		}
	}
	if named < 20 {
		t.Errorf("the documents name only %d tests", named)
	}
}

// anchors returns the fragments of a document's headings, as GitHub makes them.
func anchors(document string) (all []string) {
	heading := regexp.MustCompile(`(?m)^#+ +(.*?)\s*$`)
	link := regexp.MustCompile(`\[([^]]*)\]\([^)]*\)`)
	for _, found := range heading.FindAllStringSubmatch(regexp.MustCompile("(?ms)^```.*?^```$").ReplaceAllString(document, ""), -1) {
		all = append(all, strings.Map(func(r rune) rune {
			switch {
			case r == ' ':
				return '-'
			case r == '-' || r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r):
				return unicode.ToLower(r)
			}
			return -1
		}, link.ReplaceAllString(found[1], "$1")))
	}
	return all
}

// documents returns the text of every Markdown file of the repository by its path.
func documents(t *testing.T) map[string]string {
	t.Helper()
	all := make(map[string]string)
	walk(t, ".md", func(path, text string) { all[path] = text })
	for name := range sources {
		if all[name] == "" {
			t.Errorf("there is no %s", name)
		}
	}
	return all
}

// walk calls f with the path and the text of each file of the repository whose name has an ending.
func walk(t *testing.T, ending string, f func(path, text string)) {
	t.Helper()
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() && (d.Name() == "node_modules" || d.Name() == ".git") {
			return fs.SkipDir
		}
		if err != nil || !strings.HasSuffix(path, ending) {
			return err
		}
		text, err := os.ReadFile(path)
		f(filepath.ToSlash(path), string(text))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

var unindented = regexp.MustCompile(`(?m)^\t+`)

// flat returns a file without its indentation.
func flat(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return unindented.ReplaceAllString(string(text), "")
}
