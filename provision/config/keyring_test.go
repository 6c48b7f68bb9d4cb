package config

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"runsc-provisioner/provision/release"
)

func TestCheckKeyring(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keys")
	l := Layered{Config: Default(), Sources: map[string]string{"release.keyring": "/etc/a.toml"}}
	if err := l.CheckKeyring(); err != nil {
		t.Errorf("without a keyring: got %v", err)
	}
	l.Config.Release.Keyring = path
	var refused *Error
	if err := l.CheckKeyring(); !errors.As(err, &refused) || refused.Source != "/etc/a.toml" || !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("missing: got %v", err)
	}
	if err := os.WriteFile(path, []byte("no keys"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := l.CheckKeyring(); !errors.As(err, &refused) {
		t.Errorf("without keys: got %v", err)
	}
	l.Config.Release.Trust = release.TrustChecksum
	if err := l.CheckKeyring(); err != nil {
		t.Errorf("trust checksum: got %v, want it ignored", err)
	}
}
