package release_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"runsc-provisioner/test/fakerunsc"
)

func TestFault_X13_AProgramThatLivesOn(t *testing.T) {
	for _, behaviour := range []fakerunsc.Behaviour{fakerunsc.Forks, fakerunsc.Escapes} {
		t.Run(string(behaviour), func(t *testing.T) {
			r := newRig(t)
			fakerunsc.Bundle(t, r.at(wanted), fakerunsc.Options{Behaviour: behaviour}, fakerunsc.Zstd)
			mustInstall(t, r, r.spec(wanted, ""))
			entries, err := os.ReadDir("/proc")
			if err != nil {
				t.Fatal(err)
			}
			for _, entry := range entries {
				exe, err := os.Readlink(filepath.Join("/proc", entry.Name(), "exe"))
				if err == nil && strings.HasPrefix(exe, r.store.Dir+"/") {
					t.Errorf("got process %s of %s, want none left", entry.Name(), exe)
				}
			}
		})
	}
}
