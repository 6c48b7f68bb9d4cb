package buildkit

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func parseSpec(t *testing.T, text string) Spec {
	t.Helper()
	spec, err := ParseSpec([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return spec
}

func TestSpec_WithTmpChangesOnlyTheMounts(t *testing.T) {
	const text = `{"ociVersion": "1.0", "root": {"path": "/r", "readonly": true}, "x": 1e400, "mounts": [{"destination": "/proc", "type": "proc"}, {"destination": "/tmp/in"}], "y": {"a": [1]}}`
	got, err := parseSpec(t, text).WithTmp("/r/tmp")
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"ociVersion": "1.0", "root": {"path": "/r", "readonly": true}, "x": 1e400, "mounts": [{"destination":"/tmp","options":["bind","ro"],"source":"/r/tmp","type":"bind"},{"destination":"/proc","type":"proc"},{"destination":"/tmp/in"}], "y": {"a": [1]}}`
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if got, err = parseSpec(t, `{"root": {"path": "r"}}`).WithTmp("/b/r/tmp"); err != nil || !json.Valid(got) || !parseSpec(t, string(got)).MountsTmp() {
		t.Errorf("got %s, %v, want the mount alone", got, err)
	}
}

func TestSpec_IsRead(t *testing.T) {
	for _, test := range []struct {
		name, text string
		root       string
		tmp        bool
		refused    bool
		joins      string
		host       bool
	}{
		{name: "a step", text: `{"root": {"path": "/r"}, "linux": {"namespaces": [{"type": "pid"}, {"type": "network", "path": "/n"}]}}`, root: "/r", joins: "/n"},
		{name: "no network", text: `{"root": {"path": "rootfs"}, "linux": {"namespaces": [{"type": "network"}]}}`, root: "/bundle/rootfs"},
		{name: "the host's network", text: `{"root": {"path": "/r"}, "linux": {"namespaces": [{"type": "pid"}]}}`, root: "/r", host: true},
		{name: "a tmpfs on /tmp", text: `{"root": {"path": "/r"}, "mounts": [{"destination": "/tmp/"}]}`, root: "/r", tmp: true, host: true},
		{name: "a mount below /tmp", text: `{"root": {"path": "/r"}, "mounts": [{"destination": "/tmp/x"}]}`, root: "/r", host: true},
		{name: "insecure", text: `{"root": {"path": "/r"}, "process": {"capabilities": {"bounding": ["CAP_CHOWN", "CAP_SYS_ADMIN"]}}}`, root: "/r", refused: true, host: true},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := parseSpec(t, test.text)
			joins, host := s.NetworkNamespace()
			if s.Root("/bundle") != test.root || s.MountsTmp() != test.tmp || (s.Refusal() != "") != test.refused || joins != test.joins || host != test.host {
				t.Errorf("got root %q, tmp %t, refusal %q, network %q %t, want %+v", s.Root("/bundle"), s.MountsTmp(), s.Refusal(), joins, host, test)
			}
		})
	}
	for _, text := range []string{``, `{`, `{"root": {}}`, `[]`} {
		if _, err := ParseSpec([]byte(text)); err == nil {
			t.Errorf("%q: got no error", text)
		}
	}
}
