package release

import (
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// Sound are the files of r, by path, that are as they were installed. Of a
// release that is not intact each is looked at by itself, and read: one that
// differs says nothing of the others.
func (s Store) Sound(r Installed) map[string]bool {
	sound := make(map[string]bool, len(r.Manifest.Files))
	for _, f := range r.Manifest.Files {
		sound[f.Path] = r.State.Intact() || s.sound(r.Dir, f)
	}
	return sound
}

func (s Store) sound(dir string, f File) bool {
	for above := filepath.Dir(f.Path); ; above = filepath.Dir(above) {
		info, err := os.Lstat(filepath.Join(dir, above))
		if err != nil || !compareDir(above, info, s.Owner).Intact() || mountedOver(filepath.Join(dir, above)) {
			return false
		}
		if above == "." {
			break
		}
	}
	path := filepath.Join(dir, f.Path)
	info, err := os.Lstat(path)
	if err != nil || !compare(f, info, s.Owner).Intact() || mountedOver(path) {
		return false
	}
	sum, err := sha256File(path, f.Size)
	return err == nil && sum == f.SHA256
}

// Touched reports whether the release called name was changed in some way after
// it was sealed: a file's ctime, which nobody can set back, is later than that
// of the manifest, which was written last, or the manifest's than the time in it
// or than now, the clock having been set back.
// What was touched may have another content with the size and time that it had.
func (s Store) Touched(name string) bool {
	dir := filepath.Join(s.Dir, name)
	m, _, err := readManifest(dir, name)
	if err != nil {
		return true
	}
	sealed, err := changed(filepath.Join(dir, manifestName))
	if err != nil || sealed.After(m.InstalledAt.Add(sealedWithin)) || sealed.After(time.Now()) {
		return true
	}
	for _, f := range m.Files {
		if at, err := changed(filepath.Join(dir, f.Path)); err != nil || at.After(sealed) {
			return true
		}
	}
	return false
}

// sealedWithin is how long a manifest may take to be written.
const sealedWithin = time.Minute

// changed is the ctime of path.
func changed(path string) (time.Time, error) {
	var st unix.Stat_t
	if err := unix.Lstat(path, &st); err != nil {
		return time.Time{}, err
	}
	return time.Unix(st.Ctim.Unix()), nil
}
