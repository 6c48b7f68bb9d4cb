package evidence

import (
	"testing"

	"runsc-provisioner/daemonjson"
	"runsc-provisioner/provision/engine"
	"runsc-provisioner/verify"
)

// From 25.0 on, dockerd reports neither path nor type of a runtime with a runtimeType;
// 20.10 ignores the key.
func TestResolveRuntimes_TypesOfDaemonJSON(t *testing.T) {
	const shim, other = "io.containerd.runsc.v1", "io.containerd.kata.v2"
	inFile := map[string]daemonjson.Runtime{"gv": {Type: shim}}
	for _, test := range []struct {
		name, version string
		reported      engine.Runtime
		inFile        map[string]daemonjson.Runtime
		want          string
		ignored       bool
	}{
		{"26.1 does not report it", "26.1.5", engine.Runtime{}, inFile, shim, false},
		{"29 does not report it", "29.1.3", engine.Runtime{}, inFile, shim, false},
		{"24.0 reports another than the file, which is not loaded", "24.0.9", engine.Runtime{Type: other}, inFile, other, false},
		{"20.10 ignores it", "20.10.24+dfsg1", engine.Runtime{}, inFile, shim, true},
		{"a path, and a type in the file, which is not loaded", "20.10.24", engine.Runtime{Path: "/nowhere/runsc"}, inFile, "", false},
		{"the file has no such runtime", "26.1.5", engine.Runtime{}, nil, "", false},
		{"the same with 20.10", "20.10.24", engine.Runtime{}, nil, "", false},
	} {
		info := engine.Info{Version: test.version, Runtimes: map[string]engine.Runtime{"gv": test.reported}}
		got := Runtimes(info, test.inFile)["gv"]
		if got.Type != test.want || got.TypeIgnored != test.ignored || got.Path != test.reported.Path {
			t.Errorf("%s: got %+v, want type %q, ignored %t", test.name, got, test.want, test.ignored)
		}
	}
}

// The ids of containers have a name although userns-remap is not ours.
func TestWithUIDMap_RootOfAForeignRemap(t *testing.T) {
	for root, want := range map[string]uint32{"/var/lib/docker/231072.231072": 231072, "/var/lib/docker": 0, "/srv/x.y": 0, "/srv/99999999999.1": 0} {
		got := WithUIDMap([]verify.Container{{}, {UsernsMode: "host"}}, nil, engine.Info{UsernsRemap: true, RootDir: root})
		if got[0].RemapRoot != want || got[1].RemapRoot != 0 {
			t.Errorf("%s: got %d, and %d with --userns=host, want %d and 0", root, got[0].RemapRoot, got[1].RemapRoot, want)
		}
	}
	if got := WithUIDMap([]verify.Container{{}}, nil, engine.Info{RootDir: "/var/lib/1.1"}); got[0].RemapRoot != 0 {
		t.Errorf("got %d without userns-remap", got[0].RemapRoot)
	}
}
