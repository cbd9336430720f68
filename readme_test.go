package leasehold_test

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

func TestTheCodeInTheReadmeIsCompiled(t *testing.T) {
	examples := flat(t, "example_test.go") + flat(t, "e2e/observe/service_test.go")
	blocks := regexp.MustCompile("(?s)```go\n(.*?)```").FindAllStringSubmatch(flat(t, "README.md"), -1)
	if len(blocks) < 4 {
		t.Errorf("only %d blocks of Go code in README.md", len(blocks))
	}
	for _, block := range blocks {
		if !strings.Contains(examples, block[1]) {
			t.Errorf("neither in example_test.go nor in e2e/observe/service_test.go:\n%s", block[1])
		}
	}
}

// flat returns a file without its indentation.
func flat(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return regexp.MustCompile(`(?m)^\t+`).ReplaceAllString(string(text), "")
}
