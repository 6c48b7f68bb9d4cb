package durable

import (
	"errors"
	"io"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"
)

// EntriesOf returns at most most entries of a directory, in no order. It waits for no FIFO, and follows no symlink in
// the directory's place: the error is ENOTDIR or ELOOP.
func EntriesOf(dir string, most int) ([]fs.DirEntry, error) {
	opened, err := os.OpenFile(dir, os.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW, 0)
	if err != nil {
		return nil, err
	}
	defer opened.Close()
	entries, err := opened.ReadDir(most)
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return entries, err
}
