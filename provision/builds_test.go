package provision

import (
	"os"
	"path/filepath"
	"testing"

	"runsc-provisioner/provision/config"
)

func TestClassicBuild(t *testing.T) {
	empty, full := t.TempDir(), t.TempDir()
	if err := os.WriteFile(filepath.Join(full, buildxPlugin), nil, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name    string
		version string
		file    string
		plugins []string
		classic bool
	}{
		{"20.10", "20.10.24+dfsg1", "{}", []string{full}, true},
		{"20.10, BuildKit switched on", "20.10.24+dfsg1", `{"features":{"buildkit":true}}`, []string{empty}, false},
		{"20.10, BuildKit switched off", "20.10.24+dfsg1", `{"features":{"buildkit":false}}`, []string{full}, true},
		{"26.1 without buildx", "26.1.5+dfsg1", "{}", []string{empty, filepath.Join(empty, "none")}, true},
		{"26.1 without buildx, BuildKit switched on", "26.1.5+dfsg1", `{"features":{"buildkit":true}}`, []string{empty}, true},
		{"26.1 with buildx", "26.1.5+dfsg1", "{}", []string{empty, full}, false},
		{"23.0 with buildx", "23.0.0", "", []string{full}, false},
		{"a version that is none", "dev", "{}", []string{empty}, false},
		{"not looked at", "20.10.24", "{}", nil, false},
	} {
		h := &Host{Paths: Paths{CLIPlugins: test.plugins}}
		if got := h.classicBuild(test.version, fileOf(t, test.file).Doc); (got != "") != test.classic {
			t.Errorf("%s: got %q, want the classic builder: %v", test.name, got, test.classic)
		}
	}
}

// What a host loses, and how it builds, is told with verify's report.
func TestNotes_Writes(t *testing.T) {
	adopted := withArgs(runscOf(newer), `"--debug"`)
	for _, test := range []struct {
		name   string
		config func(*config.Config)
		host   host
		want   int
	}{
		{"kept", nil, host{file: registered(newer)}, 0},
		{"adopted", nil, host{file: adopted, before: adopted}, 1},
		{"sandbox, chosen", rootfs(config.RootfsSandbox), host{file: bare(newer)}, 0},
		{"the default: BuildKit is told of", asDefault, host{file: registered(newer, `"default-runtime":"runsc"`), classic: "it is"}, 1},
		{"adopted, the default, with the classic builder", asDefault, host{file: adopted, before: adopted, classic: "it is"}, 3},
	} {
		test.host.releases, test.host.link, test.host.engine = []string{newer}, newer, dockerd(test.host.file)
		c := wants(test.config)
		v := Verification{Sandboxes: c.Docker.DefaultRuntime != ""}
		if got := notes(c, v, test.host.observed(t)); len(got) != test.want {
			t.Errorf("%s: got notes %q, want %d", test.name, got, test.want)
		}
	}
}
