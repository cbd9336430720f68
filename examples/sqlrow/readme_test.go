package main

import (
	"bytes"
	"os"
	"regexp"
	"testing"
)

func TestStoryInTheReadmeIsTheOneTold(t *testing.T) {
	var story bytes.Buffer
	if err := run(t.Context(), &story); err != nil {
		t.Fatal(err)
	}
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	shown := regexp.MustCompile("(?s)\n```text\n(.*?)```\n").FindSubmatch(readme)
	if shown == nil || string(shown[1]) != story.String() {
		t.Errorf("README.md shows\n%s, the program prints\n%s", shown, &story)
	}
}
