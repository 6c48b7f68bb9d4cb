package release

import (
	"archive/tar"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"runsc-provisioner/provision/durable"
)

// Inspection is the result of reading every file of a release.
type Inspection struct {
	Name    string
	State   State  // of its files, each compared with the manifest
	Archive string // how the manifest differs from the archive; "" if it does not
	// Unarchived is true if the release's archive is not kept: only that of the
	// newest one is.
	Unarchived bool
}

// Inspect reads every file of the release called name and compares it with the
// manifest. It compares the manifest with the kept archive: its digest, and the
// content of its files. It writes nothing.
func (s Store) Inspect(ctx context.Context, name string) (Inspection, error) {
	look := Inspection{Name: name}
	r, err := s.Verify(ctx, name)
	if err != nil {
		return look, err
	}
	look.State = r.State
	kept := s.archivePath(name)
	m, text, err := readManifest(kept, name)
	if errors.Is(err, fs.ErrNotExist) {
		look.Unarchived = true
		return look, nil
	}
	if err != nil {
		look.Archive = fmt.Sprintf("the manifest beside the archive: %v", err)
		return look, nil
	}
	if durable.Digest(text) != r.ManifestDigest {
		look.Archive = "the manifest differs from the one beside the archive"
		return look, nil
	}
	var files []File
	for _, a := range m.Archives {
		more, err := contents(ctx, filepath.Join(kept, a.Name), a, s.Limits.withDefaults())
		var refused *RefusedError
		switch {
		case errors.As(err, &refused) || errors.Is(err, fs.ErrNotExist):
			look.Archive = err.Error()
			return look, nil
		case err != nil:
			return look, fmt.Errorf("read archive: %w", err)
		}
		files = append(files, more...)
	}
	if !sameFiles(files, m.Files) {
		look.Archive = "the archive has other files than the manifest lists"
	}
	return look, nil
}

// contents lists the files in an archive, and checks its digest.
func contents(ctx context.Context, kept string, a Archive, limits Limits) ([]File, error) {
	want, err := ParseDigest(a.SHA512)
	if err != nil {
		return nil, &RefusedError{"read", kept, err}
	}
	return readVerified("read", kept, want, func(_ *os.File, from io.Reader) ([]File, error) {
		r := &reading{ctx: ctx, from: from}
		if isBundle(a.Name) {
			return contentsOfTar(r, a.Name, limits)
		}
		return contentsOfProgram(r, a.Name)
	})
}

func contentsOfProgram(r io.Reader, name string) ([]File, error) {
	file := File{Path: name, Mode: modeText(programMode)}
	err := file.sum(r)
	return []File{file}, err
}

func contentsOfTar(r io.Reader, name string, limits Limits) ([]File, error) {
	plain, err := decompress(r, name)
	if err != nil {
		return nil, &RefusedError{"read", name, err}
	}
	defer plain.Close()
	var files []File
	err = eachEntry(tar.NewReader(plain), "read", name, limits, func(e entry, r io.Reader) error {
		if e.dir {
			return nil
		}
		file := File{Path: e.name, Mode: modeText(e.mode)}
		if err := file.sum(r); err != nil {
			return &readError{err}
		}
		files = append(files, file)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return files, nil
}

// sum sets size and digest.
func (f *File) sum(r io.Reader) error {
	sum := sha256.New()
	n, err := io.Copy(sum, r)
	f.Size, f.SHA256 = n, hex.EncodeToString(sum.Sum(nil))
	return err
}

// reading is a reader that fails once its context has ended.
type reading struct {
	ctx  context.Context
	from io.Reader
}

func (r *reading) Read(p []byte) (int, error) {
	if r.ctx.Err() != nil {
		return 0, context.Cause(r.ctx)
	}
	return r.from.Read(p)
}
