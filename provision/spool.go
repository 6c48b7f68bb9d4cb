package provision

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
	"runsc-provisioner/provision/release"
)

const (
	// spoolArchive holds the images on their way to another data root, and
	// spoolList says which they are. The list is written last: an archive without
	// one is what a run that was killed has left.
	spoolArchive = "images.tar"
	spoolList    = "images.json"
	maxSpoolList = 16 << 20
)

// Spool is what was written down of images, and not read yet.
type Spool struct {
	Path   string // of the archive
	Images []engine.Image
}

func (h *Host) spoolPath() string { return filepath.Join(h.Paths.State, spoolArchive) }
func (h *Host) listPath() string  { return filepath.Join(h.Paths.State, spoolList) }

// spool is what images wait to be read; nil where there are none.
func (h *Host) spool() (*Spool, error) {
	text, err := durable.ReadLimited(h.listPath(), maxSpoolList)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) {
		return nil, nil // whoever is not root may not know
	}
	s := Spool{Path: h.spoolPath()}
	if err == nil {
		err = json.Unmarshal(text, &s.Images)
	}
	if err != nil {
		return nil, &blocked.Refused{Object: h.listPath(), Err: err}
	}
	return &s, nil
}

// sweepSpool removes an archive that was not finished.
func (h *Host) sweepSpool() error {
	if _, err := os.Lstat(h.listPath()); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return durable.Remove(h.spoolPath())
}

// dropSpool removes list and archive, in this order.
func (h *Host) dropSpool() error {
	if err := durable.Remove(h.listPath()); err != nil {
		return err
	}
	if err := durable.SyncDir(h.Paths.State); err != nil {
		return err
	}
	failpoint.Here("images: the list is gone")
	return h.sweepSpool()
}

// saveImages writes the archive, and then the list.
func (h *Host) saveImages(ctx context.Context, s SaveImages, flags engine.Flags) (seen string, err error) {
	if err := h.dropSpool(); err != nil {
		return "", err
	}
	client, err := h.dial(flags)
	if err != nil {
		return "", err
	}
	defer client.Close()
	// Root's only: an image may hold secrets.
	f, err := os.OpenFile(s.Path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return "", err
	}
	failpoint.Here("images: the archive is begun")
	w := &told{Writer: f, total: s.Bytes, tell: h.tell(s)}
	err = client.SaveImages(ctx, s.Images, w, 2*withSpare(s.Bytes))
	failpoint.Here("images: the archive is written")
	if err == nil {
		err = f.Sync()
	}
	err = errors.Join(err, f.Close())
	if err == nil {
		var text []byte
		if text, err = json.Marshal(s.Images); err == nil {
			err = durable.WriteFile(h.listPath(), text, durable.Plain(0o600))
		}
	}
	if err != nil {
		return "", errors.Join(fmt.Errorf("write the images down in %s: %w", s.Path, err), h.dropSpool())
	}
	return fmt.Sprintf("%d bytes", w.done), nil
}

// loadImages has dockerd read the archive, looks whether all images are there,
// and removes it.
func (h *Host) loadImages(ctx context.Context, s LoadImages, flags engine.Flags) (seen string, err error) {
	client, err := h.dial(flags)
	if err != nil {
		return "", err
	}
	defer client.Close()
	f, err := os.Open(s.Path)
	if err != nil {
		return "", fmt.Errorf("%w; the images are all in the old data root: switch userns-remap off to have them, or remove %s to go on without", err, h.listPath())
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return "", err
	}
	archived, err := archivedIn(f)
	if err != nil {
		return "", fmt.Errorf("%s: %w; the images are all in the old data root: switch userns-remap off to have them, or remove %s to go on without", s.Path, err, h.listPath())
	}
	failpoint.Here("images: before they are read")
	if err := client.LoadImages(ctx, &told{Reader: f, total: info.Size(), tell: h.tell(s)}); err != nil {
		return "", fmt.Errorf("%w; nothing is lost: the images are in %s and in the old data root, and the next apply goes on with them", err, s.Path)
	}
	failpoint.Here("images: read")
	there, err := client.Images(ctx)
	if err != nil {
		return "", err
	}
	if name := lacking(archived, there); name != "" {
		return "", fmt.Errorf("dockerd has read %s, but does not have image %s; all of them are in the old data root", s.Path, name)
	}
	return "", h.dropSpool()
}

// archived is one image in an archive (moby image/tarexport).
type archived struct {
	Config   string // the file whose digest is the image's ID
	RepoTags []string
}

// id is the image's ID in a graph driver's store, the only kind that there is
// with userns-remap: containerd's own store calls it otherwise.
func (a archived) id() string {
	return "sha256:" + strings.TrimSuffix(filepath.Base(a.Config), ".json")
}

// archivedIn reads which images an archive has.
func archivedIn(f io.ReadSeeker) ([]archived, error) {
	for archive := tar.NewReader(f); ; {
		entry, err := archive.Next()
		if err != nil {
			return nil, fmt.Errorf("find manifest.json: %w", err)
		}
		if entry.Name != "manifest.json" {
			continue
		}
		var all []archived
		err = json.NewDecoder(io.LimitReader(archive, maxSpoolList)).Decode(&all)
		if err != nil {
			return nil, fmt.Errorf("read manifest.json: %w", err)
		}
		_, err = f.Seek(0, io.SeekStart)
		return all, err
	}
}

// lacking names an image of want that is not there, or is "".
func lacking(want []archived, there []engine.Image) string {
	ids, tags := map[string]bool{}, map[string]bool{}
	for _, image := range there {
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

// tellEvery is how often progress is told, at most.
const tellEvery = 100 * time.Millisecond

func (h *Host) tell(s Step) func(done, total int64) {
	return func(done, total int64) {
		h.report(Event{Kind: StepProgress, Step: s, Fetched: release.Progress{Done: done, Total: total}})
	}
}

// told passes bytes on and tells how many.
type told struct {
	io.Reader
	io.Writer
	done, total int64
	last        time.Time
	tell        func(done, total int64)
}

func (t *told) Read(p []byte) (int, error) {
	n, err := t.Reader.Read(p)
	t.count(n)
	return n, err
}

func (t *told) Write(p []byte) (int, error) {
	n, err := t.Writer.Write(p)
	t.count(n)
	return n, err
}

func (t *told) count(n int) {
	t.done += int64(n)
	// The estimate may be short of what it turns out to be.
	t.total = max(t.total, t.done)
	if time.Since(t.last) >= tellEvery {
		t.last = time.Now()
		t.tell(t.done, t.total)
	}
}
