// Package twin keeps a file and a copy of it, for records that must survive damage to either.
package twin

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"runsc-provisioner/provision/durable"
)

// unread is what MoveAside adds to a name.
const unread = ".unread"

// Files are the paths of a file and of its copy.
type Files struct{ Path, Copy string }

// Read returns what decode makes of the file; else, what it makes of the copy. It returns false if neither can be used.
// damage is decode's error for the one that cannot be used, and for the file if neither can. Two missing files are no
// damage, and neither is a missing copy. decode must return an error that wraps fs.ErrNotExist for a missing file.
func Read[T any](f Files, decode func(path string) (T, error)) (value T, found bool, damage error) {
	value, err := decode(f.Path)
	copied, copyErr := decode(f.Copy)
	missing, copyMissing := errors.Is(err, fs.ErrNotExist), errors.Is(copyErr, fs.ErrNotExist)
	var none T
	switch {
	case err == nil && copyMissing:
		return value, true, nil
	case err == nil:
		return value, true, copyErr
	case copyErr == nil:
		return copied, true, err
	case missing && copyMissing:
		return none, false, nil
	case missing:
		return none, false, copyErr
	}
	return none, false, err
}

// Write writes text to the copy, and then to the file, which is the one that Read prefers: if Write fails, Read returns
// what it did before. A path that has text already is left as it is.
func Write(f Files, text []byte, attr durable.Attr) error {
	for _, path := range []string{f.Copy, f.Path} {
		if old, err := durable.ReadLimited(path, int64(len(text))); err == nil && bytes.Equal(old, text) {
			continue
		}
		if err := durable.WriteFile(path, text, attr); err != nil {
			return err
		}
	}
	return nil
}

// Clear removes what a killed Write left, moves each path that decode cannot read aside, and returns where to. A
// missing path is none of them.
func Clear[T any](f Files, decode func(path string) (T, error)) (asides []string, err error) {
	for _, path := range []string{f.Path, f.Copy} {
		if err := durable.Sweep(path); err != nil {
			return asides, err
		}
		if _, err := decode(path); err == nil || errors.Is(err, fs.ErrNotExist) {
			continue
		}
		aside, err := MoveAside(path)
		if err != nil {
			return asides, err
		}
		asides = append(asides, aside)
	}
	return asides, nil
}

// MoveAside renames path, a file or a directory, by adding ".unread" to its name, and returns the new path. What had
// that name is removed.
func MoveAside(path string) (string, error) {
	aside := path + unread
	if err := os.RemoveAll(aside); err != nil {
		return "", fmt.Errorf("move %s aside: %w", path, err)
	}
	return aside, durable.Rename(path, aside)
}
