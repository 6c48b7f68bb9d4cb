package release

import (
	"archive/tar"
	"compress/bzip2"
	"errors"
	"fmt"
	"io"
	"os"
	"path"

	"github.com/klauspost/compress/zstd"
)

// maxWindow is the most memory that an archive may require, the limit of the
// zstd command: it unpacks every archive made without special flags.
const maxWindow = 128 << 20

// unpack unpacks the tar archive called name from r into the directory dir, and
// syncs the files. If the archive has something that is not allowed, or r
// fails, the error is a *RefusedError.
func unpack(r io.Reader, name, dir string, limits Limits) ([]File, error) {
	plain, err := decompress(r, name)
	if err != nil {
		return nil, &RefusedError{"unpack", name, err}
	}
	defer plain.Close()
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	w := newWriter(root)
	files, err := unpackTar(tar.NewReader(plain), name, w, limits)
	return files, errors.Join(err, w.wait())
}

func decompress(r io.Reader, name string) (io.ReadCloser, error) {
	switch path.Ext(name) {
	case ".zstd":
		// The archive's own checksum adds nothing to the digest of the whole.
		d, err := zstd.NewReader(r, zstd.WithDecoderMaxWindow(maxWindow), zstd.WithDecoderLowmem(true), zstd.IgnoreChecksum(true))
		if err != nil {
			return nil, err
		}
		return d.IOReadCloser(), nil
	case ".bz2":
		return io.NopCloser(bzip2.NewReader(r)), nil
	default:
		return nil, fmt.Errorf("%q is not a known compression", path.Ext(name))
	}
}

func unpackTar(r *tar.Reader, archive string, w *writer, limits Limits) ([]File, error) {
	var files []File
	err := eachEntry(r, "unpack", archive, limits, func(e entry, r io.Reader) error {
		if e.dir {
			return w.mkdir(e.name)
		}
		if err := w.mkdir(path.Dir(e.name)); err != nil {
			return err
		}
		file, err := w.write(e, r)
		if err != nil {
			return err
		}
		files = append(files, file)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return files, nil
}

// eachEntry calls take for the accepted entries of an archive. An entry that is
// not allowed, or cannot be read (a *readError), is a *RefusedError with the
// given act.
func eachEntry(r *tar.Reader, act, archive string, limits Limits, take func(entry, io.Reader) error) error {
	accepted := entries{limits: limits, seen: map[string]bool{}}
	for {
		header, err := r.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return &RefusedError{act, archive, err}
		}
		e, err := accepted.check(header)
		if err != nil {
			return &RefusedError{act, archive, fmt.Errorf("entry %.300q %w", header.Name, err)}
		}
		if err := take(e, r); err != nil {
			if broken, ok := errors.AsType[*readError](err); ok {
				return &RefusedError{act, archive, fmt.Errorf("entry %.300q: %w", header.Name, broken.error)}
			}
			return err
		}
	}
}
