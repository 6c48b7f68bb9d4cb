package host

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"runsc-provisioner/provision/buildkit"
	"runsc-provisioner/provision/config"
)

// dockerd keeps the path of the program until it is restarted, so the program stays where it is.
func TestBuildKit_FindsTheProgramOfAnEarlierStore(t *testing.T) {
	for _, test := range []struct {
		name      string
		installed bool   // the program is in the earlier store
		named     string // the store that the drop-in names; "" without a drop-in
		earlier   bool   // it is looked for in the earlier store
	}{
		{name: "nothing"},
		{name: "a program", installed: true, earlier: true},
		{name: "the earlier store is gone", named: "earlier", earlier: true},
		{name: "a drop-in for the store", named: "now"},
		{name: "a store that was never used", named: "elsewhere"},
	} {
		t.Run(test.name, func(t *testing.T) {
			root := t.TempDir()
			h := Host{Owner: os.Geteuid(), Paths: Paths{
				Etc: filepath.Join(root, "etc"), State: filepath.Join(root, "state"), Store: filepath.Join(root, "now"),
				builtIn: config.Paths{Store: filepath.Join(root, "earlier")},
			}}
			now, earlier := buildkit.ProgramPath(h.Paths.Store), buildkit.ProgramPath(h.Paths.builtIn.Store)
			files := map[string][]byte{}
			if test.installed {
				files[earlier] = []byte("#!/bin/sh\n")
			}
			if test.named != "" {
				files[h.BuildKit().DropIn] = buildkit.DropIn(buildkit.ByVariable, buildkit.ProgramPath(filepath.Join(root, test.named)), "")
			}
			for path, text := range files {
				if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, text, 0o755)); err != nil {
					t.Fatal(err)
				}
			}
			want := now
			if test.earlier {
				want = earlier
			}
			if got := h.BuildKit().Program; got != want {
				t.Errorf("got %s, want %s", got, want)
			}
		})
	}
}

func TestSwitchesBuildKitOn(t *testing.T) {
	for text, want := range map[string]bool{
		`{}`: false, "": false, `{"features":{"buildkit":true}}`: true, `{"features":{"buildkit":false}}`: false,
	} {
		if got := switchesBuildKitOn(documentOf(t, text)); got != want {
			t.Errorf("%s: got %t", text, got)
		}
	}
}
