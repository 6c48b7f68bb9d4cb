// Package archive guarantees that an archive from outside is read within limits: every
// byte that is decompressed counts, whether a file holds it or not, and the end of a
// context ends the reading wherever it is.
//
// Only regular files and directories with plain names are accepted, and they appear below
// one directory, with plain modes. It never follows a link, and never asks where an archive
// comes from: what it wrote is as trusted as the archive.
package archive

import (
	"archive/tar"
	"bytes"
	"compress/bzip2"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// File is a file of an archive.
type File struct {
	Path   string `json:"path"` // below the directory, with slashes
	Size   int64  `json:"size"` // bytes
	Mode   string `json:"mode"` // permission bits, octal
	SHA256 string `json:"sha256"`
	MTime  int64  `json:"mtime_ns"` // since 1970; 0 if it was not written
}

// BadError means that an archive has something that is not allowed, or is damaged. Reading
// it again gives the same result.
type BadError struct{ Err error }

func (e *BadError) Error() string { return e.Err.Error() }

// Unwrap returns Err.
func (e *BadError) Unwrap() error { return e.Err }

// Unpack unpacks the archive called name, read from r, into the existing directory dir, and syncs the files. The archive
// is a compressed tar, or a Debian package: of that, what is below usr/bin. Errors: *BadError, also if r fails;
// *room.Error; the cause of ctx; or of the file system. After an error, some of the files may be there.
func Unpack(ctx context.Context, r io.Reader, name, dir string, limits Limits) ([]File, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	w := newWriter(root)
	files, err := w.unpack(ctx, r, name, limits)
	if err = errors.Join(err, w.wait()); err != nil {
		return nil, err
	}
	return files, nil
}

func (w *writer) unpack(ctx context.Context, r io.Reader, name string, limits Limits) ([]File, error) {
	var files []File
	err := each(ctx, r, name, limits, func(e entry, r io.Reader) error {
		if e.dir {
			return w.mkdir(e.name)
		}
		if err := w.mkdir(path.Dir(e.name)); err != nil {
			return err
		}
		file, err := w.write(e, r)
		if err == nil {
			files = append(files, file)
		}
		return err
	})
	return files, err
}

// Place copies the program called name, of size bytes, from r into the existing directory
// dir, and syncs it. Errors are those of Unpack.
func Place(ctx context.Context, r io.Reader, name string, size int64, dir string) (File, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return File{}, err
	}
	defer root.Close()
	w := newWriter(root)
	file, err := w.write(entry{name: name, size: size, mode: ProgramMode}, Reader(ctx, r))
	return file, errors.Join(ended(ctx, bad(err)), w.wait())
}

// List returns the files of the archive called name, read from r. It writes nothing.
// Errors are those of Unpack.
func List(ctx context.Context, r io.Reader, name string, limits Limits) ([]File, error) {
	var files []File
	err := each(ctx, r, name, limits, func(e entry, r io.Reader) error {
		if e.dir {
			return nil
		}
		sum, n, err := digest(r)
		files = append(files, File{Path: e.name, Size: n, Mode: ModeText(e.mode), SHA256: sum})
		return err
	})
	return files, err
}

// ListProgram returns the program called name, read from r, as List does.
func ListProgram(ctx context.Context, r io.Reader, name string) ([]File, error) {
	sum, n, err := digest(Reader(ctx, r))
	return []File{{Path: name, Size: n, Mode: ModeText(ProgramMode), SHA256: sum}}, ended(ctx, bad(err))
}

// each calls take for the accepted entries of an archive.
func each(ctx context.Context, r io.Reader, name string, limits Limits, take func(entry, io.Reader) error) error {
	limits = limits.withDefaults()
	// The context is asked on both sides: a little archive may expand to much, and a large
	// one to nothing.
	r = Reader(ctx, r)
	if !IsDeb(name) {
		return ended(ctx, eachOf(ctx, r, name, entries{limits: limits}, take))
	}
	d, tarName, err := openDeb(r)
	if err != nil {
		return ended(ctx, &BadError{err})
	}
	if err := eachOf(ctx, d, tarName, entries{limits: limits, below: programsDir}, take); err != nil {
		return ended(ctx, err)
	}
	if err := d.finish(); err != nil {
		return ended(ctx, &BadError{err})
	}
	return nil
}

// eachOf calls take for the accepted entries of a compressed tar archive.
func eachOf(ctx context.Context, r io.Reader, name string, accepted entries, take func(entry, io.Reader) error) error {
	plain, err := decompress(r, name)
	if err != nil {
		return &BadError{err}
	}
	defer plain.Close()
	return eachOfTar(newCounted(Reader(ctx, plain), accepted.limits.Beside), accepted, take)
}

// ended returns the cause of ctx in place of an error that came of its end.
func ended(ctx context.Context, err error) error {
	if err != nil && ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

func eachOfTar(r *counted, accepted entries, take func(entry, io.Reader) error) error {
	accepted.seen = map[string]bool{}
	for files := tar.NewReader(r); ; {
		header, err := files.Next()
		if errors.Is(err, io.EOF) {
			return nothingMore(r)
		}
		if err != nil {
			return &BadError{err}
		}
		e, err := accepted.check(header)
		if err != nil {
			return &BadError{fmt.Errorf("entry %.300q %w", header.Name, err)}
		}
		if e.skipped {
			continue
		}
		r.allow(e.size)
		if err := take(e, files); err != nil {
			if broken, ok := errors.AsType[*readError](err); ok {
				return &BadError{fmt.Errorf("entry %.300q: %w", header.Name, broken.error)}
			}
			return err
		}
	}
}

// nothingMore reads the rest of an archive after its end: tar(1) fills it up with zeros.
func nothingMore(r io.Reader) error {
	buf := make([]byte, 32<<10)
	for {
		n, err := r.Read(buf)
		switch {
		case len(bytes.Trim(buf[:n], "\x00")) > 0:
			return &BadError{errors.New("has data after its end")}
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return &BadError{err}
		}
	}
}

func decompress(r io.Reader, name string) (io.ReadCloser, error) {
	switch path.Ext(name) {
	case ".zstd", ".zst":
		// The archive's own checksum adds nothing to the digest of the whole.
		d, err := zstd.NewReader(r, zstd.WithDecoderMaxWindow(maxWindow), zstd.WithDecoderLowmem(true), zstd.IgnoreChecksum(true))
		if err != nil {
			return nil, err
		}
		return d.IOReadCloser(), nil
	case ".bz2":
		return io.NopCloser(bzip2.NewReader(r)), nil
	case ".gz":
		return gzip.NewReader(r)
	case ".tar":
		return io.NopCloser(r), nil
	default:
		return nil, fmt.Errorf("%q is not a known compression", path.Ext(name))
	}
}

// readError is an error of the archive, not of the file system.
type readError struct{ error }

// bad turns a *readError into a *BadError.
func bad(err error) error {
	if broken, ok := errors.AsType[*readError](err); ok {
		return &BadError{broken.error}
	}
	return err
}
