package doctor

import (
	"testing"

	"runsc-provisioner/provision/checkup"
	"runsc-provisioner/provision/config"
	"runsc-provisioner/provision/engine"
	"runsc-provisioner/test/seen"
)

// dockerd 20.10 ignores runtimeType, and runs the container with runc.
func TestDoctor_WarnsOfIgnoredRuntimeTypes(t *testing.T) {
	const text = `{"runtimes":{"gv":{"runtimeType":"io.containerd.runsc.v1"},"kata":{"runtimeType":"io.containerd.kata.v2"},"runsc":{"path":"/x/runsc"}}}`
	for version, want := range map[string]int{"20.10.24": 2, "23.0.6": 0, "26.1.5": 0, "": 0} {
		var look dockerLook
		look.observed.File = seen.DaemonJSON(t, text)
		if version != "" {
			look.observed.Engine = &engine.Info{Version: version}
		}
		got := look.ignoredTypes()
		if len(got) != want {
			t.Errorf("%s: got %+v, want %d items", version, got, want)
		}
		for _, item := range got {
			if item.Health != checkup.Warning || item.Remedy == "" {
				t.Errorf("%s: got %+v, want a warning with a remedy", version, item)
			}
		}
	}
}

// dockerd 20.10 does not start with an empty daemon.json.
func TestDoctor_AnEmptyDaemonJSON(t *testing.T) {
	for _, test := range []struct {
		version, text string
		accepted      bool
		want          checkup.Health
	}{
		{"20.10.24", " \n", false, checkup.Critical},
		{"20.10.24", "{}", false, checkup.Healthy},
		{"20.10.24", "", false, checkup.Healthy}, // no file
		{"23.0.6", "\n", true, checkup.Healthy},
		{"", "\n", false, checkup.Warning}, // stopped: the version is not known
		{"", "\n", true, checkup.Healthy},
	} {
		look := dockerLook{accepted: test.accepted}
		look.observed.File = seen.DaemonJSON(t, test.text)
		if test.version != "" {
			look.observed.Engine = &engine.Info{Version: test.version}
		}
		if got := look.fileItem(config.Default()); got.Health != test.want || (got.Remedy != "") != (test.want != checkup.Healthy) {
			t.Errorf("%s %q: got %+v, want health %s", test.version, test.text, got, test.want)
		}
	}
}
