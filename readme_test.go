package leasehold_test

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

func TestTheCodeInTheReadmeIsCompiled(t *testing.T) {
	var examples string
	for _, file := range []string{"example_test.go", "examples/worker/main.go", "e2e/observe/service_test.go"} {
		examples += flat(t, file)
	}
	blocks := regexp.MustCompile("(?s)```go\n(.*?)```").FindAllStringSubmatch(flat(t, "README.md"), -1)
	if len(blocks) < 4 {
		t.Errorf("only %d blocks of Go code in README.md", len(blocks))
	}
	for _, block := range blocks {
		if !strings.Contains(examples, block[1]) {
			t.Errorf("in none of the files that are compiled:\n%s", block[1])
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
