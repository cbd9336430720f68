package main

import (
	"bytes"
	"os"
	"regexp"
	"strings"
	"testing"
)

func TestStoryInTheReadmeIsTheOneTold(t *testing.T) {
	var story bytes.Buffer
	if err := run(t.Context(), &story); err != nil {
		t.Fatal(err)
	}
	if shown := block(t, "text"); shown != story.String() {
		t.Errorf("README.md shows\n%s, the program prints\n%s", shown, &story)
	}
}

func TestCodeInTheReadmeIsThatOfTheWriter(t *testing.T) {
	source, err := os.ReadFile("writer.go")
	if err != nil {
		t.Fatal(err)
	}
	if shown := block(t, "go"); !strings.Contains(string(source), shown) {
		t.Errorf("not in writer.go:\n%s", shown)
	}
}

// block returns the one block of a language in README.md.
func block(t *testing.T, language string) string {
	t.Helper()
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile("(?s)\n```"+language+"\n(.*?)```\n").FindAllSubmatch(readme, -1)
	if len(found) != 1 {
		t.Fatalf("%d blocks of %s in README.md, want one", len(found), language)
	}
	return string(found[0][1])
}
