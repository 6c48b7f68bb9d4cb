package config

import (
	"testing"

	"runsc-provisioner/provision/release"
)

func TestPin_OfAPackageNamesItsSourceAndNoDigest(t *testing.T) {
	t.Parallel()
	text, err := Pin(release.Manifest{
		Release: "20260914.0", Arch: "x86_64", Channel: release.ChannelRelease, Trust: release.TrustPackage,
		Package: &release.Package{Manager: "dpkg", Name: "runsc", Version: "20260914.0"},
	})
	if err != nil {
		t.Fatal(err)
	}
	dir := configDir(t, map[string]string{"config.toml": text})
	layered := load(t, dir)
	if r := layered.Config.Release; r.Source != release.SourceSystem || r.Version != "20260914.0" || len(r.SHA512) != 0 {
		t.Errorf("got %+v from %s", r, text)
	}
}
