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

// maxWindow is the most memory an archive may ask of its reader, that of the
// zstd command: what it packs without further flags, everyone can unpack.
const maxWindow = 128 << 20

// unpack puts the files of the tar archive called name, which r holds, into
// the directory at dir, and syncs them. What the archive should not hold is a
// *RefusedError; an error of r comes as one as well.
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
		// The archive's own checksum adds nothing to the digest of all of it.
		d, err := zstd.NewReader(r, zstd.WithDecoderMaxWindow(maxWindow), zstd.WithDecoderLowmem(true), zstd.IgnoreChecksum(true))
		if err != nil {
			return nil, err
		}
		return d.IOReadCloser(), nil
	case ".bz2":
		return io.NopCloser(bzip2.NewReader(r)), nil
	default:
		return nil, fmt.Errorf("%q is no known compression", path.Ext(name))
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

// eachEntry hands on the entries of an archive that are accepted. What it should
// not hold, and what of it cannot be read (a *readError), is a *RefusedError; act
// is for that.
func eachEntry(r *tar.Reader, act, archive string, limits Limits, take func(entry, io.Reader) error) error {
	accepted := entries{limits: limits, seen: map[string]bool{}}
	for {
		header, err := r.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return &RefusedError{act, archive, err}
		}
		e, err := accepted.check(header)
		if err != nil {
			return &RefusedError{act, archive, fmt.Errorf("entry %.300q %w", header.Name, err)}
		}
		err = take(e, r)
		var broken *readError
		if errors.As(err, &broken) {
			return &RefusedError{act, archive, fmt.Errorf("entry %.300q: %w", header.Name, broken.error)}
		}
		if err != nil {
			return err
		}
	}
}
