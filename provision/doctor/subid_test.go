package doctor

import (
	"os"
	"path/filepath"
	"testing"

	"runsc-provisioner/provision/checkup"
	"runsc-provisioner/provision/config"
	"runsc-provisioner/provision/host"
	"runsc-provisioner/test/seen"
)

func TestFault_U03_LostIDsKeepDockerFromItsNextStart(t *testing.T) {
	etc := t.TempDir()
	for name, text := range map[string]string{
		"passwd": "root:x:0:0::/root:/bin/sh\ndockremap:x:999:999::/:/bin/false\n", "group": "root:x:0:\ndockremap:x:999:\n",
		"subuid": "alice:200000:65536\n", "subgid": "alice:200000:65536\n",
	} {
		if err := os.WriteFile(filepath.Join(etc, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	h := &host.Host{Paths: host.Paths{Etc: etc, State: filepath.Join(etc, "state")}}
	inEffect := seen.Registered(seen.Newer, `"userns-remap":"default"`)
	for _, test := range []struct {
		name   string
		config func(*config.Config)
		file   string
		want   checkup.Health
	}{
		{"in effect", seen.Remapped, inEffect, checkup.Critical},
		{"not applied yet", seen.Remapped, seen.Registered(seen.Newer), checkup.Healthy},
		{"not managed", nil, inEffect, checkup.Healthy},
	} {
		o := seen.Host{Releases: []string{seen.Newer}, Link: seen.Newer, File: test.file, Engine: seen.Dockerd(test.file), Remapped: true}.Observed(t)
		if got := subidItem(t.Context(), h, seen.Wants(test.config), o); got.Health != test.want {
			t.Errorf("%s: got %+v, want %s", test.name, got, test.want)
		}
	}
}
