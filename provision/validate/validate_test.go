package validate

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"runsc-provisioner/daemonjson"
	"runsc-provisioner/provision/host"
)

func TestValidationKey(t *testing.T) {
	program := filepath.Join(t.TempDir(), "dockerd")
	if err := os.WriteFile(program, []byte("1"), 0o755); err != nil {
		t.Fatal(err)
	}
	key := func(text string, argv ...string) string {
		doc, err := daemonjson.Parse([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		return validationKey(append([]string{program}, argv...), doc)
	}
	const text = `{"runtimes": {"runsc": {"path": "/a", "runtimeArgs": ["--x"]}}, "debug": true}`
	first := key(text, "-H", "fd://")
	if first == "" {
		t.Fatal("got no key")
	}
	for _, same := range []string{strings.Replace(text, "/a", "/b", 1), strings.Replace(text, "--x", "--y", 1)} {
		if key(same, "-H", "fd://") != first {
			t.Errorf("%s: got another key than for %s", same, text)
		}
	}
	for _, other := range []string{
		strings.Replace(text, "true", "false", 1),
		strings.Replace(text, `"runsc"`, `"gvisor"`, 1),
		strings.Replace(text, `"/a"`, `"/a", "options": {}`, 1),
		`{"runtimes": {"runsc": {"runtimeType": "io.containerd.runsc.v1"}}, "debug": true}`,
	} {
		if key(other, "-H", "fd://") == first {
			t.Errorf("%s: got the key of %s", other, text)
		}
	}
	if key(text) == first {
		t.Error("with other flags: got the same key")
	}
	if err := os.WriteFile(program, []byte("22"), 0o755); err != nil {
		t.Fatal(err)
	}
	if key(text, "-H", "fd://") == first {
		t.Error("with another dockerd: got the same key")
	}
	if err := os.Remove(program); err != nil {
		t.Fatal(err)
	}
	if got := key(text, "-H", "fd://"); got != "" {
		t.Errorf("without dockerd: got the key %q", got)
	}
}

func TestValidateReturnsAKeyOnlyForAcceptedTexts(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root: other users do not run dockerd")
	}
	tests := []struct {
		situation, script string
		remembered        bool
	}{
		{"accepts it", "exit 0", true},
		{"refuses it", "echo no; exit 1", false},
		{"has no such flag", "echo unknown flag: --validate; exit 125", false},
	}
	for _, tt := range tests {
		dir := t.TempDir()
		program := filepath.Join(dir, "fake-dockerd")
		if err := os.WriteFile(program, []byte("#!/bin/sh\n"+tt.script+"\n"), 0o755); err != nil {
			t.Fatal(err)
		}
		h := &host.Host{Paths: host.Paths{State: dir}}
		doc, err := daemonjson.Parse([]byte(`{}`))
		if err != nil {
			t.Fatal(err)
		}
		_, key, err := Document(context.Background(), h, doc, host.Observed{Command: []string{program}})
		if (key != "") != tt.remembered || (err != nil) != (tt.situation == "refuses it") {
			t.Errorf("%s: got key %q, %v", tt.situation, key, err)
		}
		if !tt.remembered {
			continue
		}
		if err := h.State().Validations().Add(key); err != nil {
			t.Fatal(err)
		}
		// dockerd is not asked again.
		if _, again, err := Document(context.Background(), h, doc, host.Observed{Command: []string{program}}); again != "" || err != nil {
			t.Errorf("%s: second time: got key %q, %v", tt.situation, again, err)
		}
	}
}
