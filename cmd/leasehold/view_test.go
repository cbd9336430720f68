package main

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// YAML has no character that a terminal may obey, and says the same as JSON.
func TestOutputIsHarmlessAndCanBeRead(t *testing.T) {
	value := map[string]any{"plain": "text", "yes": "yes", "number": 7.5, "none": nil, "list": []any{true, "\u202eevil", "\u061c # no: comment\n\x1b[2J\u009b31m", "\U000e0041\ufeff", `C:\u202e`, "\u2028"},
		"\u202ename": map[string]any{"\u200b": "zero", `\`: "\u200b\\n", "日本": "é"}, "3": "4", "lines": "a\nb\n"}
	for _, format := range []string{"json", "yaml"} {
		var out strings.Builder
		p := &program{out: &out, format: format}
		if err := p.write(value); err != nil {
			t.Fatal(err)
		}
		if text := out.String(); strings.ContainsFunc(text, func(r rune) bool { return r != '\n' && !printable(r) }) {
			t.Errorf("%s has characters that a terminal may obey: %q", format, text)
		}
		var read any
		err := json.Unmarshal([]byte(out.String()), &read)
		if format == "yaml" {
			err = yaml.Unmarshal([]byte(out.String()), &read)
		}
		if err != nil || !reflect.DeepEqual(read, any(value)) {
			t.Errorf("%s of %#v is read as %#v, %v:\n%s", format, value, read, err, out.String())
		}
	}
}

// Any text comes back from YAML, as a value and as a name.
func FuzzYAML(f *testing.F) {
	for _, text := range []string{"", "no", "0x1", "1e3", "~", "- a", "a: b", "\t", "\u0085\r\n", "\u202e\\\"\n", "2026-01-02", "<<", "=", strings.Repeat("\u200b ", 200)} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		text = strings.ToValidUTF8(text, "\ufffd") // as JSON does
		var out strings.Builder
		p := &program{out: &out, format: "yaml"}
		want := map[string]any{"value": text, "name": map[string]any{text: "x"}}
		if err := p.write(want); err != nil {
			t.Fatal(err)
		}
		var read map[string]any
		if err := yaml.Unmarshal([]byte(out.String()), &read); err != nil || !reflect.DeepEqual(read, want) {
			t.Errorf("%q is read as %#v, %v:\n%q", text, read, err, out.String())
		}
		if strings.ContainsFunc(out.String(), func(r rune) bool { return r != '\n' && !printable(r) }) {
			t.Errorf("a terminal may obey %q", out.String())
		}
	})
}
