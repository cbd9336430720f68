// Package readmetest checks the blocks of an example's README.md that the library or the
// program itself generates.
package readmetest

import (
	"flag"
	"os"
	"regexp"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the generated blocks of README.md anew")

// Block checks that the only block of a language in README.md, in the directory of the test, has
// the content want. With the flag -update it writes the content instead.
func Block(t *testing.T, language, want string) {
	t.Helper()
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	block := regexp.MustCompile("(?s)(\n```" + language + "\n)(.*?)(```\n)")
	found := block.FindAllSubmatch(readme, -1)
	if len(found) != 1 {
		t.Fatalf("%d blocks of %s in README.md, want one", len(found), language)
	}
	if *update {
		fresh := block.ReplaceAllFunc(readme, func([]byte) []byte { return []byte("\n```" + language + "\n" + want + "```\n") })
		if err := os.WriteFile("README.md", fresh, 0o666); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(want, string(found[0][2])); diff != "" {
		t.Errorf("README.md is out of date; go test -update writes it anew (-want +README.md):\n%s", diff)
	}
}
