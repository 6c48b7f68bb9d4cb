package validate

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"runsc-provisioner/daemonjson"
	"runsc-provisioner/provision/host"
)

func TestBegunVerdictIsTakenForTheSameTextOnly(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root: other users do not run dockerd")
	}
	const text, other = `{"debug": true}`, `{"debug": false}`
	tests := []struct {
		situation, begun, script string
		asked                    int // how often dockerd is run
		accepted, refused        bool
	}{
		{"the same text", text, "exit 0", 1, true, false},
		{"another text", other, "exit 0", 2, true, false},
		{"none begun", "", "exit 0", 1, true, false},
		{"the same text, refused", text, "echo no; exit 1", 2, false, true},
		{"the same text, no verdict", text, "echo unknown flag: --validate; exit 125", 2, false, false},
	}
	for _, tt := range tests {
		dir := t.TempDir()
		program, asked := filepath.Join(dir, "fake-dockerd"), filepath.Join(dir, "asked")
		if err := os.WriteFile(program, []byte("#!/bin/sh\necho asked >>"+asked+"\n"+tt.script+"\n"), 0o755); err != nil {
			t.Fatal(err)
		}
		h, o := &host.Host{Paths: host.Paths{State: dir}}, host.Observed{Command: []string{program}}
		parse := func(text string) daemonjson.Document {
			doc, err := daemonjson.Parse([]byte(text))
			if err != nil {
				t.Fatal(err)
			}
			return doc
		}
		var begun *Begun
		if tt.begun != "" {
			begun = Begin(t.Context(), h, parse(tt.begun), o)
			<-begun.done // so that it has run
		}
		accepted, key, err := begun.Document(t.Context(), h, parse(text), o)
		begun.End()
		if accepted != tt.accepted || (key != "") != tt.accepted || (err != nil) != tt.refused {
			t.Errorf("%s: got %v, key %q, %v", tt.situation, accepted, key, err)
		}
		runs, err := os.ReadFile(asked)
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Count(string(runs), "asked"); got != tt.asked {
			t.Errorf("%s: dockerd was run %d times, want %d", tt.situation, got, tt.asked)
		}
	}
}

func TestBegunEndsWithItsCaller(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root: other users do not run dockerd")
	}
	dir := t.TempDir()
	program := filepath.Join(dir, "fake-dockerd")
	if err := os.WriteFile(program, []byte("#!/bin/sh\nexec sleep 600\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	doc, err := daemonjson.Parse([]byte(`{}`))
	if err != nil {
		t.Fatal(err)
	}
	begun := Begin(t.Context(), &host.Host{Paths: host.Paths{State: dir}}, doc, host.Observed{Command: []string{program}})
	begun.End() // returns only when dockerd has ended
	if begun.accepted {
		t.Error("a check that was ended counts as accepted")
	}
}
