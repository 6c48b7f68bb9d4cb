package release

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// A release in a sparse file of 8 TiB: the test does not live to see its digest.
func TestFault_X12_TheEndOfAContextEndsHashing(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "20260914.0")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	const size = 1 << 43 // ext4 allows 16 TiB
	path := filepath.Join(dir, "runsc")
	if err := errors.Join(os.WriteFile(path, nil, 0o755), os.Truncate(path, size)); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	m := Manifest{SchemaVersion: schemaVersion, Release: "20260914.0", Files: []File{{Path: "runsc", Size: size, Mode: "0755", MTime: info.ModTime().UnixNano()}}}
	text, err := m.encode()
	if err := errors.Join(err, os.WriteFile(filepath.Join(dir, "manifest.json"), text, 0o644), os.Chmod(path, 0o755), os.Chmod(dir, 0o755)); err != nil {
		t.Fatal(err)
	}
	store := Store{Dir: filepath.Dir(dir), Owner: os.Geteuid(), Suspect: func(Installed) bool { return true }}
	stopped := errors.New("stopped")
	for name, read := range map[string]func(context.Context) error{
		"list":   func(ctx context.Context) error { _, err := store.List(ctx); return err },
		"verify": func(ctx context.Context) error { _, err := store.Verify(ctx, "20260914.0"); return err },
		"files": func(ctx context.Context) error {
			r := Installed{Dir: dir, Manifest: m, State: State{Reason: "damaged"}}
			_, err := store.IntactFiles(ctx, r)
			return err
		},
		"archive": func(ctx context.Context) error {
			_, err := contents(ctx, path, Archive{Name: "runsc", Size: size, SHA512: string(bytes.Repeat([]byte("0"), 128))}, Limits{})
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithCancelCause(t.Context())
			defer time.AfterFunc(10*time.Millisecond, func() { cancel(stopped) }).Stop()
			if err := read(ctx); !errors.Is(err, stopped) {
				t.Errorf("got %v, want %v", err, stopped)
			}
		})
	}
}
