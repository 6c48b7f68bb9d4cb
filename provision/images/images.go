// Package images guarantees that no image is lost when Docker's data root changes: it saves
// the images to one archive before, loads them after, and never removes them from the old
// data root. It writes the list of images last and removes it first. So an archive without a
// list is one that a killed run left unfinished.
package images

import (
	"archive/tar"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"runsc-provisioner/provision/blocked"
	"runsc-provisioner/provision/durable"
	"runsc-provisioner/provision/engine"
	"runsc-provisioner/provision/failpoint"
)

const (
	archiveName = "images.tar"
	listName    = "images.json"
	// maxList limits the size in bytes of the list and of an archive's manifest.
	maxList = 16 << 20
)

// Dir is the path of the directory that holds the archive and its list.
type Dir string

// Saved are images that wait to be loaded into the next data root.
type Saved struct {
	Path   string // of the archive
	Images []engine.Image
}

// Progress is called with how many of total bytes are done.
type Progress func(done, total int64)

// ArchivePath returns the path of the archive.
func (d Dir) ArchivePath() string { return filepath.Join(string(d), archiveName) }

func (d Dir) listPath() string { return filepath.Join(string(d), listName) }

// ArchiveSize returns the largest size in bytes of an archive of images with layers bytes of
// layers: 1 % more, plus 16 MiB for small images.
func ArchiveSize(layers int64) int64 { return layers + layers/100 + 16<<20 }

// Waiting returns the images that wait to be loaded; nil if there are none, or if this user
// may not read the list. A damaged list is a *blocked.Refused.
func (d Dir) Waiting() (*Saved, error) {
	text, err := durable.ReadOwn(d.listPath(), maxList)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) {
		return nil, nil
	}
	saved := Saved{Path: d.ArchivePath()}
	if err == nil {
		err = json.Unmarshal(text, &saved.Images)
	}
	if err != nil {
		return nil, blocked.Refuse(d.listPath(), "the list of saved images cannot be used (%w): all images are in the old data root; remove the list and %s to go on without them", err, d.ArchivePath())
	}
	return &saved, nil
}

// Sweep removes an unfinished archive.
func (d Dir) Sweep() error {
	if err := durable.Sweep(d.listPath()); err != nil {
		return err
	}
	return d.removeUnlisted()
}

func (d Dir) removeUnlisted() error {
	if _, err := os.Lstat(d.listPath()); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if info, err := os.Lstat(d.ArchivePath()); err == nil && info.IsDir() {
		return nil // none of ours; package state moves it away
	}
	return durable.Remove(d.ArchivePath())
}

// Drop removes the list and then the archive.
func (d Dir) Drop() error {
	if err := durable.Remove(d.listPath()); err != nil {
		return err
	}
	if err := durable.SyncDir(string(d)); err != nil {
		return err
	}
	failpoint.Here("images: the list is gone")
	return d.removeUnlisted()
}

// Save writes the archive and then the list. layers is the size of the images' layers in
// bytes; an archive of more than twice ArchiveSize is an error. It returns the number of
// bytes written. After an error, no archive is left.
func (d Dir) Save(ctx context.Context, client *engine.Client, list []engine.Image, layers int64, progress Progress) (written int64, err error) {
	if err := d.Drop(); err != nil {
		return 0, err
	}
	// For root only: an image may hold secrets.
	f, err := os.OpenFile(d.ArchivePath(), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return 0, err
	}
	failpoint.Here("images: the archive is begun")
	w := &progressCounter{Writer: f, total: layers, progress: progress}
	err = client.SaveImages(ctx, list, w, 2*ArchiveSize(layers))
	failpoint.Here("images: the archive is written")
	if err == nil {
		err = f.Sync()
	}
	err = errors.Join(err, f.Close())
	if err == nil {
		var text []byte
		if text, err = json.Marshal(list); err == nil {
			err = durable.WriteFile(d.listPath(), text, durable.Plain(0o600))
		}
	}
	if err != nil {
		return 0, errors.Join(fmt.Errorf("save the images to %s: %w", d.ArchivePath(), err), d.Drop())
	}
	return w.done, nil
}

// Load lets dockerd load the archive, checks that dockerd then has all images, and removes
// the archive. After an error, the archive stays.
func (d Dir) Load(ctx context.Context, client *engine.Client, progress Progress) error {
	path := d.ArchivePath()
	f, err := durable.OpenOwn(path)
	if err != nil {
		return d.unreadable(err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	archived, err := readManifest(f)
	if err != nil {
		return d.unreadable(fmt.Errorf("%s: %w", path, err))
	}
	failpoint.Here("images: before they are read")
	if err := client.LoadImages(ctx, &progressCounter{Reader: f, total: info.Size(), progress: progress}); err != nil {
		return fmt.Errorf("%w; no image is lost: all are in %s and in the old data root, and the next apply tries again", err, path)
	}
	failpoint.Here("images: read")
	loaded, err := client.Images(ctx)
	if err != nil {
		return err
	}
	if name := firstMissing(archived, loaded); name != "" {
		return fmt.Errorf("dockerd loaded %s, but image %s is missing; all images are in the old data root", path, name)
	}
	return d.Drop()
}

func (d Dir) unreadable(err error) error {
	return fmt.Errorf("%w; all images are in the old data root: switch userns-remap off to use them, or remove %s to continue without them", err, d.listPath())
}

// archivedImage is one image in an archive (moby image/tarexport).
type archivedImage struct {
	Config   string // the file whose digest is the image's ID
	RepoTags []string
}

// id returns the image's ID in the store of a graph driver. With userns-remap there is no
// other store: containerd's store uses other IDs.
func (a archivedImage) id() string {
	return "sha256:" + strings.TrimSuffix(filepath.Base(a.Config), ".json")
}

// readManifest returns the images in an archive, and rewinds f.
func readManifest(f io.ReadSeeker) ([]archivedImage, error) {
	for archive := tar.NewReader(f); ; {
		entry, err := archive.Next()
		if err != nil {
			return nil, fmt.Errorf("find manifest.json: %w", err)
		}
		if entry.Name != "manifest.json" {
			continue
		}
		var all []archivedImage
		err = json.NewDecoder(io.LimitReader(archive, maxList)).Decode(&all)
		if err != nil {
			return nil, fmt.Errorf("read manifest.json: %w", err)
		}
		_, err = f.Seek(0, io.SeekStart)
		return all, err
	}
}

// firstMissing returns the first ID or tag of want that loaded lacks, or "".
func firstMissing(want []archivedImage, loaded []engine.Image) string {
	ids, tags := map[string]bool{}, map[string]bool{}
	for _, image := range loaded {
		ids[image.ID] = true
		for _, tag := range image.Tags {
			tags[tag] = true
		}
	}
	for _, image := range want {
		if !ids[image.id()] {
			return image.id()
		}
		for _, tag := range image.RepoTags {
			if !tags[tag] {
				return tag
			}
		}
	}
	return ""
}

// progressInterval is the shortest time between two calls of a Progress.
const progressInterval = 100 * time.Millisecond

// progressCounter counts the bytes that pass through it, and reports them to progress.
type progressCounter struct {
	io.Reader
	io.Writer
	done, total int64
	last        time.Time
	progress    Progress
}

func (c *progressCounter) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	c.add(n)
	return n, err
}

func (c *progressCounter) Write(p []byte) (int, error) {
	n, err := c.Writer.Write(p)
	c.add(n)
	return n, err
}

func (c *progressCounter) add(n int) {
	c.done += int64(n)
	c.total = max(c.total, c.done) // the estimate may be too low
	if time.Since(c.last) >= progressInterval {
		c.last = time.Now()
		c.progress(c.done, c.total)
	}
}
