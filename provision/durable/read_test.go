package durable

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func TestReadLimited(t *testing.T) {
	dir := t.TempDir()
	path := func(name string) string { return filepath.Join(dir, name) }
	for name, text := range map[string]string{"empty": "", "full": "1234", "large": "12345"} {
		if err := os.WriteFile(path(name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("full", path("link")); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.Symlink("/nowhere/at/all", path("dangling")), os.Symlink("loop", path("loop"))); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mkfifo(path("fifo"), 0o600); err != nil {
		t.Fatal(err)
	}
	const limit = 4
	for _, tt := range []struct {
		situation, path string
		want            string
		fails           bool
	}{
		{"empty", path("empty"), "", false},
		{"as large as the limit", path("full"), "1234", false},
		{"a symlink", path("link"), "1234", false},
		{"larger by a byte", path("large"), "", true},
		{"a directory", dir, "", true},
		{"a FIFO without a writer", path("fifo"), "", true},
		{"a device without an end", "/dev/zero", "", true},
		{"a symlink to a missing file", path("dangling"), "", true},
		{"a symlink to itself", path("loop"), "", true},
		{"missing", path("missing"), "", true},
	} {
		t.Run(tt.situation, func(t *testing.T) {
			got, err := ReadLimited(tt.path, limit)
			if string(got) != tt.want || (err != nil) != tt.fails {
				t.Errorf("got %q, %v, want %q, failing %t", got, err, tt.want, tt.fails)
			}
			if tt.fails && !strings.Contains(err.Error(), tt.path) {
				t.Errorf("got error %v, want one that names %s", err, tt.path)
			}
		})
	}
	if _, err := ReadLimited(path("dangling"), limit); errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a symlink to a missing file: got %v, which counts as no file", err)
	}
	if _, err := ReadLimited(path("missing"), limit); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("missing: got %v, want %v", err, fs.ErrNotExist)
	}
}
