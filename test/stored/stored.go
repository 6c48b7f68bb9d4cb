// Package stored puts releases into a store for tests, as an installation
// leaves them, without an archive.
package stored

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"runsc-provisioner/provision/release"
)

// Release puts the release called name into the store, with programs of the
// given texts by their paths in it, and returns its directory.
func Release(t testing.TB, store, name string, programs map[string]string) (dir string) {
	t.Helper()
	dir = filepath.Join(store, name)
	manifest := release.Manifest{SchemaVersion: 1, Release: name, Channel: release.ChannelRelease, Version: name, Arch: release.Arch()}
	for path, text := range programs {
		file := filepath.Join(dir, path)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		// The mode that a release's files have, whatever the umask is.
		err := errors.Join(os.WriteFile(file, []byte(text), 0o755), os.Chmod(file, 0o755), os.Chmod(filepath.Dir(file), 0o755))
		info, statErr := os.Stat(file)
		if err := errors.Join(err, statErr); err != nil {
			t.Fatal(err)
		}
		sum := sha256.Sum256([]byte(text))
		manifest.Files = append(manifest.Files, release.File{
			Path: path, Size: info.Size(), Mode: "0755", SHA256: hex.EncodeToString(sum[:]), MTime: info.ModTime().UnixNano(),
		})
	}
	text, err := json.Marshal(manifest)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "manifest.json")
	if err := errors.Join(os.WriteFile(path, text, 0o644), os.Chmod(path, 0o644), os.Chmod(dir, 0o755)); err != nil {
		t.Fatal(err)
	}
	return dir
}
