package release

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"runsc-provisioner/provision/archive"
	"runsc-provisioner/provision/download"
	"runsc-provisioner/provision/durable"
)

// Inspection is the result of reading every file of a release.
type Inspection struct {
	Name    string
	State   State  // of its files, each compared with the manifest
	Archive string // how the manifest differs from the archive; "" if it does not
	// Packaged is true for the release of a package. Archive is then how it differs from what the package manager has.
	Packaged bool
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
	want, err := download.ParseDigest(a.SHA512)
	if err != nil {
		return nil, newRefused("read", kept, err)
	}
	return readVerified(ctx, "read", kept, a.Size, want, func(_ *os.File, r io.Reader) ([]File, error) {
		if isBundle(a.Name) {
			return archive.List(ctx, r, a.Name, limits.archive())
		}
		return archive.ListProgram(ctx, r, a.Name)
	})
}
