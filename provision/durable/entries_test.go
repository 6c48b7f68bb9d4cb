package durable

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

func TestEntriesOf(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	err := errors.Join(
		os.MkdirAll(at("full/a"), 0o700), os.MkdirAll(at("full/b"), 0o700), os.Mkdir(at("empty"), 0o700),
		os.Symlink("full", at("link")), unix.Mkfifo(at("fifo"), 0o600), os.WriteFile(at("file"), nil, 0o600),
	)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name    string
		most    int
		entries int
		err     error
	}{
		{"full", 1, 1, nil},
		{"full", 9, 2, nil},
		{"empty", 9, 0, nil},
		{"link", 9, 0, unix.ENOTDIR},
		{"fifo", 9, 0, unix.ENOTDIR}, // and it does not wait
		{"file", 9, 0, unix.ENOTDIR},
		{"missing", 9, 0, unix.ENOENT},
	} {
		entries, err := EntriesOf(at(tt.name), tt.most)
		if len(entries) != tt.entries || !errors.Is(err, tt.err) {
			t.Errorf("%s, at most %d: got %d, %v, want %d, %v", tt.name, tt.most, len(entries), err, tt.entries, tt.err)
		}
	}
}
