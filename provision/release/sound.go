package release

import (
	"context"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"runsc-provisioner/provision/archive"
)

// IntactFiles reports for each file of r, by path, whether it is unchanged since it
// was installed. If r is not intact, IntactFiles reads each of its files. The only
// error is the cause of ctx.
func (s Store) IntactFiles(ctx context.Context, r Installed) (map[string]bool, error) {
	sound := make(map[string]bool, len(r.Manifest.Files))
	for _, f := range r.Manifest.Files {
		sound[f.Path] = r.State.Intact() || s.isIntact(ctx, r.FilesDir(), f)
	}
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	return sound, nil
}

func (s Store) isIntact(ctx context.Context, dir string, f File) bool {
	for above := filepath.Dir(f.Path); ; above = filepath.Dir(above) {
		info, err := os.Lstat(filepath.Join(dir, above))
		if err != nil || !compareDir(above, info, s.Owner).Intact() || !compareKernel(above, filepath.Join(dir, above)).Intact() {
			return false
		}
		if above == "." {
			break
		}
	}
	path := filepath.Join(dir, f.Path)
	info, err := os.Lstat(path)
	if err != nil || !compareFile(f, info, s.Owner).Intact() || !compareKernel(f.Path, path).Intact() {
		return false
	}
	sum, err := sha256File(ctx, path, f.Size)
	return err == nil && sum == f.SHA256
}

// Touched reports whether a file of r may have changed after
// its manifest, the last file, was written. No program can set a ctime back. So a
// release was touched if the ctime of a file is later than the manifest's, or if
// the manifest's is later than the time in it, or than now because the clock was
// set back. A touched file may have other content with the old size and time.
func (s Store) Touched(r Installed) bool {
	sealed, err := ctimeOf(filepath.Join(r.Dir, archive.ManifestName))
	if err != nil || sealed.After(r.Manifest.InstalledAt.Add(sealTime)) || sealed.After(time.Now()) {
		return true
	}
	for _, f := range r.Manifest.Files {
		if at, err := ctimeOf(filepath.Join(r.FilesDir(), f.Path)); err != nil || at.After(sealed) {
			return true
		}
	}
	return false
}

// sealTime is how long the write of a manifest may take.
const sealTime = time.Minute

// ctimeOf returns the ctime of path.
func ctimeOf(path string) (time.Time, error) {
	var st unix.Stat_t
	if err := unix.Lstat(path, &st); err != nil {
		return time.Time{}, err
	}
	return time.Unix(st.Ctim.Unix()), nil
}
