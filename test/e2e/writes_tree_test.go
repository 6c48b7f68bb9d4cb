package e2e

import (
	"archive/tar"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"
)

// A fileTree is a file system as one of Docker's views shows it: a description of each file, by name.
type fileTree map[string]string

// readTar describes the files in an archive: type, mode, owner, size, content, link target and attributes, but
// not times of this run.
func readTar(r io.Reader) (fileTree, error) {
	seen := fileTree{}
	for archive := tar.NewReader(r); ; {
		h, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return seen, nil
		}
		if err != nil {
			return nil, fmt.Errorf("read archive: %w", err)
		}
		digest := sha256.New()
		if _, err := io.Copy(digest, archive); err != nil {
			return nil, fmt.Errorf("read %s of an archive: %w", h.Name, err)
		}
		text := fmt.Sprintf("%c %o %d:%d %d bytes, %x, link %q, device %d,%d", h.Typeflag, h.Mode, h.Uid, h.Gid, h.Size, digest.Sum(nil), h.Linkname, h.Devmajor, h.Devminor)
		if ours := time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC); h.ModTime.Before(ours) {
			text += fmt.Sprintf(", at %d", h.ModTime.Unix())
		}
		for _, key := range slices.Sorted(maps.Keys(h.PAXRecords)) {
			if strings.HasPrefix(key, "SCHILY.xattr.") {
				text += fmt.Sprintf(", %s=%q", key, h.PAXRecords[key])
			}
		}
		seen[h.Name] = text
	}
}

// linesOf is a tree of lines without a description.
func linesOf(text string) fileTree {
	seen := fileTree{}
	for line := range strings.Lines(text) {
		seen[strings.TrimSpace(line)] = "there"
	}
	return seen
}

// differences are the names that differ, sorted: -name is only in a, +name only in b, ~name is in both and
// differs.
func (a fileTree) differences(b fileTree) []string {
	found := []string{}
	for name, text := range a {
		switch other, ok := b[name]; {
		case !ok:
			found = append(found, "-"+name)
		case text != other:
			found = append(found, "~"+name)
		}
	}
	for name := range b {
		if _, ok := a[name]; !ok {
			found = append(found, "+"+name)
		}
	}
	slices.SortFunc(found, func(x, y string) int { return strings.Compare(x[1:], y[1:]) })
	return found
}

// differ fails the test unless exactly the wanted differences are found.
func differ(t *testing.T, runc, other fileTree, want ...string) {
	t.Helper()
	got := runc.differences(other)
	if slices.Equal(got, want) {
		return
	}
	shown := got[:min(len(got), 12)]
	t.Errorf("differences from runc: got %d, of them %q, want %q", len(got), shown, want)
	for _, name := range shown {
		t.Logf("%s\n  runc:  %s\n  other: %s", name, runc[name[1:]], other[name[1:]])
	}
}
