package release

import (
	"bufio"
	"context"
	"crypto/sha512"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"runsc-provisioner/provision/durable"

	"golang.org/x/sys/unix"

	"runsc-provisioner/provision/archive"
	"runsc-provisioner/provision/download"
	"runsc-provisioner/provision/room"
)

// roomFactor is how much room an archive may need, as a multiple of its size:
// itself, and its content of three to four times that.
const roomFactor = 5

// keptFile is an archive that is written to disk unchanged.
type keptFile struct {
	file    *os.File
	buffer  *bufio.Writer
	needs   int64 // room, as a multiple of its size
	written int64 // bytes
}

func createKept(path string, needs int64) (*keptFile, error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, archive.PlainMode)
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
	return room.Check(filepath.Dir(k.file.Name()), size*k.needs)
}

func (k *keptFile) Write(p []byte) (int, error) {
	n, err := k.buffer.Write(p)
	if before := k.written / archive.Writeback; (k.written+int64(n))/archive.Writeback != before {
		_ = unix.SyncFileRange(int(k.file.Fd()), before*archive.Writeback, archive.Writeback, unix.SYNC_FILE_RANGE_WRITE)
	}
	k.written += int64(n)
	return n, room.Explain(err, k.file.Name(), k.written)
}

// finish syncs and closes the file.
func (k *keptFile) finish() error {
	err := errors.Join(k.buffer.Flush(), k.file.Chmod(archive.PlainMode), k.file.Sync(), k.file.Close())
	return room.Explain(err, k.file.Name(), k.written)
}

// unpackKept unpacks the archive in the file kept into dir, and checks its digest
// meanwhile.
func unpackKept(ctx context.Context, kept string, a Archive, want download.Digest, dir string, limits Limits) ([]File, error) {
	name := a.Name
	return readVerified(ctx, "unpack", kept, a.Size, want, func(f *os.File, r io.Reader) ([]File, error) {
		if isBundle(name) {
			return archive.Unpack(ctx, r, name, dir, limits.archive())
		}
		info, err := f.Stat()
		if err != nil {
			return nil, err
		}
		file, err := archive.Place(ctx, r, name, info.Size(), dir)
		return []File{file}, err
	})
}

// readVerified calls read on an archive, the file f read through r, and checks its
// digest. It does not read a file of another size: a sparse one could have any. act is for the
// error.
func readVerified(ctx context.Context, act, kept string, size int64, want download.Digest, read func(f *os.File, r io.Reader) ([]File, error)) ([]File, error) {
	f, err := durable.OpenRegular(kept)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if info.Size() != size {
		return nil, newRefused(act, kept, fmt.Errorf("it has %d bytes, not %d", info.Size(), size))
	}
	sum := sha512.New()
	r := archive.Reader(ctx, io.TeeReader(f, sum))
	files, err := read(f, r)
	err = asRefused(err, act, kept)
	var refused *RefusedError
	if err != nil && !errors.As(err, &refused) {
		return nil, err
	}
	// A refused archive was not read to its end.
	if _, err := io.Copy(io.Discard, r); err != nil {
		return nil, err
	}
	if got := download.Digest(sum.Sum(nil)); got != want {
		return nil, newRefused(act, kept, mismatch(got, want))
	}
	return files, err
}

// asRefused turns a *archive.BadError into a *RefusedError.
func asRefused(err error, act, object string) error {
	if bad, ok := errors.AsType[*archive.BadError](err); ok {
		return newRefused(act, object, bad.Err)
	}
	return err
}
