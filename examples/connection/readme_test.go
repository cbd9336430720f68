package main

import (
	"flag"
	"os"
	"regexp"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/leasehold-go/leasehold/fsm/fsmdraw"
)

var update = flag.Bool("update", false, "write what README.md shows anew")

func TestThePictureInTheReadmeIsThatOfTheTable(t *testing.T) {
	c, err := newClient(nil, newBackoff(1, 1), nil)
	if err != nil {
		t.Fatal(err)
	}
	want := fsmdraw.Mermaid(c.machine.Definition())
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	block := regexp.MustCompile("(?s)(\n```mermaid\n)(.*?)(```\n)")
	found := block.FindAllSubmatch(readme, -1)
	if len(found) != 1 {
		t.Fatalf("%d pictures in README.md, want one", len(found))
	}
	if *update {
		fresh := block.ReplaceAllFunc(readme, func([]byte) []byte { return []byte("\n```mermaid\n" + want + "```\n") })
		if err := os.WriteFile("README.md", fresh, 0o666); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(want, string(found[0][2])); diff != "" {
		t.Errorf("README.md is stale (go test ./examples/connection -update writes it anew):\n%s", diff)
	}
}
