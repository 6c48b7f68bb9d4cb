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
// certificate is the file args[1], into a store in the working directory.
func installOnce(ctx context.Context, args []string) error {
	if len(args) != 2 {
		return errors.New("install wants a URL and a certificate")
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
	source := &release.Checksum{Download: release.Download{HTTP: download.Client(download.Limits{}, roots)}}
	staged, err := store.Fetch(ctx, source, release.Spec{
		URL:     args[0],
		Channel: release.ChannelRelease,
		Version: version,
		Arch:    release.Arch(),
		Trust:   release.TrustChecksum,
	})
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
