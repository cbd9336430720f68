package main

import (
	"flag"
	"os"
	"os/exec"
	"regexp"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/leasehold-go/leasehold/fsm/fsmdraw"
)

var update = flag.Bool("update", false, "write what README.md shows anew")

func TestThePictureInTheReadmeIsThatOfTheTable(t *testing.T) {
	wantShown(t, "mermaid", fsmdraw.Mermaid(lifecycle))
}

func TestTheStoryInTheReadmeIsTheOneTold(t *testing.T) {
	story, err := exec.Command(binary(t)).CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, story)
	}
	wantShown(t, "text", string(story))
}

// wantShown checks the one block of a language in README.md.
func wantShown(t *testing.T, language, want string) {
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
		t.Errorf("README.md is stale (go test ./examples/order -update writes it anew):\n%s", diff)
	}
}
