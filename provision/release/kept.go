package release

import (
	"bufio"
	"crypto/sha512"
	"errors"
	"io"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// keptFile is an archive that is written to disk unchanged.
type keptFile struct {
	file    *os.File
	buffer  *bufio.Writer
	needs   int64 // room, as a multiple of its size
	written int64 // bytes
}

func createKept(path string, needs int64) (*keptFile, error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, plainMode)
	if err != nil {
		return nil, err
	}
	return &keptFile{file: f, buffer: bufio.NewWriterSize(f, 1<<20), needs: needs}, nil
}

// Expect checks that there is room for the file and its content.
func (k *keptFile) Expect(size int64) error {
	if size <= 0 {
		return nil
	}
	return checkRoom(filepath.Dir(k.file.Name()), size*k.needs)
}

func (k *keptFile) Write(p []byte) (int, error) {
	n, err := k.buffer.Write(p)
	if before := k.written / writeback; (k.written+int64(n))/writeback != before {
		_ = unix.SyncFileRange(int(k.file.Fd()), before*writeback, writeback, unix.SYNC_FILE_RANGE_WRITE)
	}
	k.written += int64(n)
	return n, noRoom(err, k.file.Name(), k.written)
}

// finish syncs and closes the file.
func (k *keptFile) finish() error {
	err := errors.Join(k.buffer.Flush(), k.file.Chmod(plainMode), k.file.Sync(), k.file.Close())
	return noRoom(err, k.file.Name(), k.written)
}

// unpackKept unpacks the archive in the file kept into dir, and checks its digest
// meanwhile.
func unpackKept(kept, name string, want Digest, dir string, limits Limits) ([]File, error) {
	return readVerified("unpack", kept, want, func(f *os.File, r io.Reader) ([]File, error) {
		if isBundle(name) {
			return unpack(r, name, dir, limits)
		}
		return placeProgram(f, r, name, dir)
	})
}

// readVerified calls read on an archive, the file f read through r, and checks its
// digest. act is for the error.
func readVerified(act, kept string, want Digest, read func(f *os.File, r io.Reader) ([]File, error)) ([]File, error) {
	f, err := os.Open(kept)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	sum := sha512.New()
	r := io.TeeReader(f, sum)
	files, err := read(f, r)
	var refused *RefusedError
	if err != nil && !errors.As(err, &refused) {
		return nil, err
	}
	// A tar ends before its file does.
	if _, err := io.Copy(io.Discard, r); err != nil {
		return nil, err
	}
	if got := Digest(sum.Sum(nil)); got != want {
		return nil, &RefusedError{act, kept, mismatch(got, want)}
	}
	return files, err
}

// placeProgram copies the loose program in f, read through r.
func placeProgram(f *os.File, r io.Reader, name, dir string) ([]File, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	w := newWriter(root)
	file, err := w.write(entry{name: name, size: info.Size(), mode: programMode}, r)
	return []File{file}, errors.Join(err, w.wait())
}
