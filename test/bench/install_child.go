package main

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"runsc-provisioner/provision/download"
	"runsc-provisioner/provision/release"
)

// installChild, as the first argument, makes this program install one release
// and exit: that process is measured.
const installChild = "install"

// installOnce installs the release from the server at args[0], whose
// certificate is the file args[1], into a store in the working directory. With
// a fingerprint as args[2], it must be signed with that key.
func installOnce(ctx context.Context, args []string) error {
	if len(args) != 2 && len(args) != 3 {
		return errors.New("install wants a URL, a certificate, and perhaps a fingerprint")
	}
	text, err := os.ReadFile(args[1])
	if err != nil {
		return err
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(text) {
		return fmt.Errorf("%s has no certificate", args[1])
	}
	dir, err := os.Getwd()
	if err != nil {
		return err
	}
	store := release.Store{
		Dir:   filepath.Join(dir, "gvisor"),
		Link:  filepath.Join(dir, "bin", "runsc"),
		Owner: os.Geteuid(),
	}
	how := release.Download{HTTP: download.Client(download.Limits{}, roots)}
	spec := release.Spec{
		URL:     args[0],
		Channel: release.ChannelRelease,
		Version: version,
		Arch:    release.Arch(),
		Trust:   release.TrustChecksum,
	}
	var source release.Source = &release.Checksum{Download: how}
	if len(args) == 3 {
		spec.Version, spec.Trust = "latest", release.TrustSigned
		spec.Signing = release.Signing{Fingerprints: args[2:], KeyURL: args[0] + "/archive.key"}
		keys := release.Keys{URL: spec.Signing.KeyURL}
		if keys.Pinned, err = spec.Signing.Pinned(); err != nil {
			return err
		}
		source = &release.Signed{Download: how, Keys: keys}
	}
	staged, err := store.Fetch(ctx, source, spec)
	if err != nil {
		return err
	}
	defer staged.Discard()
	installed, err := store.Commit(ctx, staged)
	if err != nil {
		return err
	}
	fmt.Println(installed.Name)
	return nil
}
