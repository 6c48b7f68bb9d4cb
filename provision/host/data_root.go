package host

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"runsc-provisioner/daemonjson"
	"runsc-provisioner/provision/blocked"
	"runsc-provisioner/provision/commandline"
	"runsc-provisioner/provision/engine"
	"runsc-provisioner/provision/release"
)

// DataRoot describes what dockerd keeps in its data root, and the limits around it.
type DataRoot struct {
	engine.Data
	VolumeBytes map[string]int64 // disk use by name of the volume; -1 if unknown
	// Unsearchable is a directory above the data root that other users may not
	// search; "" if there is none.
	Unsearchable string
	// MaxUserNamespaces is how many user namespaces the kernel allows; -1 if it has
	// no such limit.
	MaxUserNamespaces int
	Room              Room
}

// Room is the free disk space for moving images to another data root, in bytes.
type Room struct {
	Spool     int64  // in SpoolPath
	SpoolPath string // the directory that holds the archive of the images
	Root      int64  // in the data root
	Same      bool   // both are on one file system
}

// remapRootName matches the directory that dockerd appends to its data root under
// userns-remap: UID.GID.
var remapRootName = regexp.MustCompile(`^[0-9]+\.[0-9]+$`)

// DataRootOf returns the data root without the directory that userns-remap appends.
func DataRootOf(info engine.Info) string {
	if info.UsernsRemap && remapRootName.MatchString(filepath.Base(info.RootDir)) {
		return filepath.Dir(info.RootDir)
	}
	return info.RootDir
}

// remapRoots counts the data roots that dockerd has used with userns-remap.
func remapRoots(info engine.Info) int {
	entries, err := os.ReadDir(DataRootOf(info))
	if err != nil {
		return 0
	}
	n := 0
	for _, e := range entries {
		if e.IsDir() && remapRootName.MatchString(e.Name()) {
			n++
		}
	}
	return n
}

// ObserveData reads what the dockerd of o keeps in its data root, and the limits around
// it. It takes seconds if there are large volumes. o.Engine must not be nil.
func (h *Host) ObserveData(ctx context.Context, o Observed) (*DataRoot, error) {
	client, err := h.Dial(o.Flags)
	if err != nil {
		return nil, err
	}
	defer client.Close()
	info := *o.Engine
	data, err := client.Data(ctx)
	if err != nil {
		return nil, blocked.DockerdSilent(err)
	}
	root := &DataRoot{Data: data, VolumeBytes: map[string]int64{}}
	limited, cancel := context.WithTimeout(ctx, sizesTimeout)
	defer cancel()
	for _, v := range data.Volumes {
		root.VolumeBytes[v.Name] = volumeBytes(limited, v)
	}
	if root.Unsearchable, err = firstUnsearchable(DataRootOf(info)); err != nil {
		return nil, err
	}
	if root.MaxUserNamespaces, err = h.MaxUserNamespaces(); err != nil {
		return nil, err
	}
	root.Room, err = measureRoom(h.Paths.State, DataRootOf(info))
	return root, err
}

// volumeBytes returns the disk use of a volume in bytes, or -1 if it is unknown.
func volumeBytes(ctx context.Context, v engine.Volume) int64 {
	if v.Driver != "local" || !filepath.IsAbs(v.Mountpoint) {
		return -1
	}
	var bytes int64
	err := filepath.WalkDir(v.Mountpoint, func(_ string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		info, err := entry.Info()
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		bytes += info.Sys().(*syscall.Stat_t).Blocks * 512
		return nil
	})
	if err != nil {
		return -1
	}
	return bytes
}

// firstUnsearchable returns the first directory above root that other users may not
// search, or "". dockerd refuses to start below such a directory (moby daemon/daemon_unix.go).
func firstUnsearchable(root string) (string, error) {
	real, err := filepath.EvalSymlinks(root)
	if err != nil {
		return "", fmt.Errorf("inspect the data root: %w", err)
	}
	var above []string
	for dir := filepath.Dir(real); ; dir = filepath.Dir(dir) {
		above = append([]string{dir}, above...)
		if dir == filepath.Dir(dir) {
			break
		}
	}
	for _, dir := range above {
		info, err := os.Stat(dir)
		if err != nil {
			return "", fmt.Errorf("inspect the data root: %w", err)
		}
		if info.Mode().Perm()&0o001 == 0 {
			return dir, nil
		}
	}
	return "", nil
}

// MaxUserNamespaces returns user.max_user_namespaces, or -1 if the kernel has no such
// limit.
func (h *Host) MaxUserNamespaces() (int, error) {
	path := filepath.Join(h.Paths.Proc, "sys/user/max_user_namespaces")
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return -1, nil
	}
	if err != nil {
		return 0, err
	}
	n, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		return 0, fmt.Errorf("read %s: %w", path, err)
	}
	return n, nil
}

func measureRoom(state, root string) (Room, error) {
	room := Room{SpoolPath: state}
	spool, err := freeSpaceAt(state)
	if errors.Is(err, fs.ErrNotExist) {
		spool, err = freeSpaceAt(filepath.Dir(state))
	}
	if err != nil {
		return room, err
	}
	below, err := freeSpaceAt(root)
	if err != nil {
		return room, err
	}
	room.Spool, room.Root, room.Same = spool.bytes, below.bytes, spool.device == below.device
	return room, nil
}

type freeSpace struct {
	bytes  int64
	device uint64
}

func freeSpaceAt(path string) (freeSpace, error) {
	bytes, err := release.Free(path)
	if err != nil {
		return freeSpace{}, err
	}
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil {
		return freeSpace{}, &os.PathError{Op: "stat", Path: path, Err: err}
	}
	return freeSpace{bytes, st.Dev}, nil
}

// defaultDataRoot is built into dockerd.
const defaultDataRoot = "/var/lib/docker"

// sizesTimeout limits how long the sizes of all volumes may take.
const sizesTimeout = 10 * time.Second

// nextRoot returns the data root that dockerd would use after a restart, without what
// userns-remap appends. daemon.json decides, then the flags, then dockerd's default.
// Like dockerd, it resolves symlinks. "" means unknown.
func nextRoot(doc daemonjson.Document, flags commandline.Flags) string {
	root := defaultDataRoot
	all := doc.Options()
	if flags.DataRoot != "" {
		root = flags.DataRoot
	}
	for _, option := range []string{OptionGraph, OptionDataRoot} {
		if set := daemonjson.StringOf(all[option]); set != "" {
			root = set
		}
	}
	if !filepath.IsAbs(root) {
		return ""
	}
	root = filepath.Clean(root)
	if resolved, err := filepath.EvalSymlinks(root); err == nil {
		root = resolved
	}
	return root
}
