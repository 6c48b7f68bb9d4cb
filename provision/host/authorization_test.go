package host

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"runsc-provisioner/provision/engine"
)

func TestFault_X03_AnAuthorizationPluginThatDockerdDoesNotFind(t *testing.T) {
	dir := t.TempDir()
	if err := errors.Join(os.WriteFile(filepath.Join(dir, "flat.sock"), nil, 0o600), os.Mkdir(filepath.Join(dir, "deep"), 0o700),
		os.WriteFile(filepath.Join(dir, "deep", "deep.spec"), nil, 0o600), os.WriteFile(filepath.Join(dir, "off.json"), nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	managed := []engine.Plugin{{ID: "ab12", Name: "lab/opa:latest", Enabled: true}, {ID: "cd34", Name: "off:latest"}}
	for name, want := range map[string]bool{
		"lab/opa": true, "lab/opa:latest": true, "ab1": true,
		"lab/opa:2": false, "none": false, "": false,
		"flat": true, "deep": true,
		"off": false, // a managed plugin that is disabled hides one in the directories
	} {
		if got := pluginFound(managed, []string{dir}, name); got != want {
			t.Errorf("%q: got found %t, want %t", name, got, want)
		}
	}
}
