package plan

import (
	"strings"
	"testing"

	"runsc-provisioner/provision/activation"
	"runsc-provisioner/provision/host"
	"runsc-provisioner/test/seen"
)

func TestNew_AVersionOfDockerdThatWasNotTestedIsSaidBeforeAChange(t *testing.T) {
	stale, current := seen.Registered(seen.Older), seen.Registered(seen.Newer)
	for _, test := range []struct {
		version, dockerd string
		want             int
	}{
		{"28.5.2", stale, 0},
		{"31.0.0", stale, 1},
		{"19.03.15", stale, 1},
		{"31.0.0", current, 0}, // nothing changes
	} {
		o := seen.Host{Releases: []string{seen.Newer}, Link: seen.Newer, File: current, Engine: &test.dockerd, Version: test.version}.Observed(t)
		p, err := New(seen.Wants(nil), o, Options{})
		if err != nil || len(p.Warnings) != test.want {
			t.Errorf("%s: got %q, %v, want %d warnings", test.version, p.Warnings, err, test.want)
		}
	}
}

func TestNew_U05_TheReasonAgainstContainerdsStoreIsThatOfTheVersion(t *testing.T) {
	for version, buildKit := range map[string]bool{"26.1.5": true, "28.5.2": true, "29.9.3": false, "31.0.0": false} {
		o := ready(t)
		o.Engine.Version = version
		o.File.Bytes = []byte(`{"features":{"containerd-snapshotter":true}}`)
		_, err := New(seen.Wants(seen.Remapped), o, Options{AllowHiddenData: true, AllowRestart: true})
		if err == nil || strings.Contains(err.Error(), "BuildKit") != buildKit {
			t.Errorf("%s: got %v, want a refusal that names BuildKit: %t", version, err, buildKit)
		}
	}
}

// 20.10 and 23.0 ignore features.containerd-snapshotter: it refuses nothing, and no restart brings it into effect.
func TestNew_U05_AnIgnoredFeatureRefusesNothing(t *testing.T) {
	for version, refuses := range map[string]bool{"20.10.24": false, "23.0.6": false, "24.0.9": true, "26.1.5": true} {
		const text = `{"features":{"containerd-snapshotter":true}}`
		o := ready(t)
		o.Engine.Version = version
		o.File.Bytes = []byte(text)
		o.Command = []string{"dockerd"}
		_, err := New(seen.Wants(seen.Remapped), o, Options{AllowHiddenData: true, AllowRestart: true})
		if (err != nil) != refuses {
			t.Errorf("%s: got %v, want a refusal: %t", version, err, refuses)
		}
		o.File = seen.DaemonJSON(t, text)
		o.Loaded.Started = host.OptionDigests("", o.File.Doc)
		if got := activation.ByRestart(o); (len(got) > 0) != refuses {
			t.Errorf("%s, loaded at the start: got %q brought into effect by a restart, want something: %t", version, got, refuses)
		}
	}
}
