package lab

import (
	"archive/tar"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/klauspost/compress/zstd"

	"runsc-provisioner/test/aptrepo"
	"runsc-provisioner/test/inrelease"
)

// SignedTree is where a host has the repository that ServeSigned makes.
const SignedTree = "/root/signed"

// signedKey is the file with its public key.
const signedKey = "archive.key"

// dpkgArch are dpkg's names of architectures.
var dpkgArch = map[string]string{"x86_64": "amd64", "aarch64": "arm64"}

// ServeSigned serves a signed repository in place of the release tree, in the layout of gVisor's: with the programs of
// releases that the tree has in zstd, in the suite release as of an hour ago. SignedConfig points the product to it.
func (h *Host) ServeSigned(ctx context.Context, t inrelease.TB, versions ...string) *aptrepo.Repo {
	t.Helper()
	now := time.Now()
	repo := &aptrepo.Repo{Dir: h.Path(SignedTree), Arch: dpkgArch[Arch()], Keys: inrelease.NewKeys(t, now)}
	for _, version := range versions {
		repo.Add(t, version, h.Deb(t, version))
	}
	repo.Publish(t, "release", now.Add(-time.Hour), versions...)
	err := os.WriteFile(filepath.Join(repo.Dir, signedKey), inrelease.ArmoredKeys(repo.Keys.Keyring(t)), 0o644)
	if err == nil {
		err = h.StopReleases(ctx)
	}
	if err == nil {
		err = h.StartSigned(ctx)
	}
	if err != nil {
		t.Fatal(err)
	}
	return repo
}

// Deb makes the package of a release that the tree has in zstd.
func (h *Host) Deb(t inrelease.TB, version string) []byte {
	t.Helper()
	files, err := programsOf(h.Path(filepath.Join(releasesDir, "release", version, Arch(), "gvisor.tar.zstd")))
	if err != nil {
		t.Fatal(err)
	}
	return aptrepo.Deb(t, version, dpkgArch[Arch()], files)
}

// SignedConfig is LabConfig for a signed repository. It leaves the trust at its default.
func SignedConfig(repo *aptrepo.Repo) string {
	key := "key_fingerprints = [\"" + strings.Join(repo.Keys.Pinned(), `", "`) + "\"]\nkey_url = \"https://" + ReleaseHost + "/gvisor/releases/" + signedKey + "\"\n"
	return strings.Replace(LabConfig, "trust = \"checksum\"\n", key, 1)
}

// programsOf are the files of a bundle, as a package has them.
func programsOf(path string) (files []aptrepo.File, err error) {
	bundle, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer bundle.Close()
	plain, err := zstd.NewReader(bundle)
	if err != nil {
		return nil, err
	}
	defer plain.Close()
	for packed := tar.NewReader(plain); ; {
		header, err := packed.Next()
		if errors.Is(err, io.EOF) {
			return files, nil
		}
		if err != nil {
			return nil, err
		}
		if header.Typeflag != tar.TypeReg {
			continue
		}
		text, err := io.ReadAll(packed)
		if err != nil {
			return nil, err
		}
		files = append(files, aptrepo.File{Name: "usr/bin/" + strings.TrimPrefix(header.Name, "./"), Mode: header.Mode, Text: text})
	}
}
