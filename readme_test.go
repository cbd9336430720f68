package leasehold_test

import (
	"os"
	"strings"
	"testing"
)

func TestTheCodeInTheReadmeIsCompiled(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	example, err := os.ReadFile("example_test.go")
	if err != nil {
		t.Fatal(err)
	}
	_, code, found := strings.Cut(string(readme), "```go\n")
	code, _, closed := strings.Cut(code, "```")
	if !found || !closed {
		t.Fatal("README.md has no Go code")
	}
	if !strings.Contains(string(example), code) {
		t.Error("the first Go code of README.md is not in example_test.go")
	}
}
