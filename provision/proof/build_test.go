package proof

import (
	"maps"
	"os"
	"path/filepath"
	"testing"

	"runsc-provisioner/provision/host"
	"runsc-provisioner/verify"
)

// An image counts only if it has exactly what the step wrote.
func TestTrialWrites_CompareBuilt(t *testing.T) {
	w := newTrialWrites()
	for name, change := range map[string]func(map[string][]byte){
		"":                      func(map[string][]byte) {},
		"a file is missing":     func(f map[string][]byte) { delete(f, writesDir+"/made/file") },
		"a file has old bytes":  func(f map[string][]byte) { f[writesDir+"/replaced"] = w.content("replaced in the image", 3000) },
		"a deleted file stays":  func(f map[string][]byte) { f[writesDir+"/deleted"] = nil },
		"a file of the sandbox": func(f map[string][]byte) { f[writesDir+"/.gvisor.filestore.1"] = nil },
	} {
		files := maps.Clone(w.files())
		change(files)
		if err := w.compareBuilt(files); (err != nil) != (name != "") {
			t.Errorf("%q: got %v", name, err)
		}
	}
	if err := w.compareBuilt(newTrialWrites().files()); err == nil {
		t.Error("the files of another proof: got no error")
	}
}

// A step is found by its specification, below the root of dockerd, and a step outside a sandbox by its arguments.
func TestRunner_FindsTheStep(t *testing.T) {
	proc := t.TempDir()
	put := func(name, text string) {
		path := filepath.Join(proc, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	put("7/root/bundle/ours/config.json", `{"process": {"args": ["/init", "proof-step", "NONCE"]}}`)
	put("7/root/bundle/other/config.json", `{"process": {"args": ["/init", "proof-step", "ANOTHER"]}}`)
	put("11/cmdline", "runsc-sandbox\x00--root=/x\x00boot\x00--bundle=/bundle/ours\x00id\x00")
	put("12/cmdline", "runsc-sandbox\x00--root=/x\x00boot\x00--bundle=/bundle/other\x00id\x00")
	put("13/cmdline", "runsc-sandbox\x00boot\x00id\x00")
	r := Runner{Host: &host.Host{Paths: host.Paths{Proc: proc}}}
	for pid, want := range map[int]bool{11: true, 12: false, 13: false, 14: false} {
		if got := r.isStep(verify.Sandbox{PID: pid}, "NONCE", 7); got != want {
			t.Errorf("process %d: got %t, want %t", pid, got, want)
		}
	}
	if pid, err := r.withArgument("NONCE"); pid != 0 || err != nil {
		t.Errorf("in a sandbox: got %d, %v, want none", pid, err)
	}
	put("21/cmdline", "/init\x00proof-step\x00waits\x00NONCE\x00name\x00")
	if pid, err := r.withArgument("NONCE"); pid != 21 || err != nil {
		t.Errorf("outside: got %d, %v, want 21", pid, err)
	}
}
