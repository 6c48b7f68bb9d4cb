// Package dataroot measures dockerd's data root, and what a switch of userns-remap to another one needs: room, user
// namespaces, directories that other users may search. It only reads.
package dataroot

import (
	"cmp"
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

	"runsc-provisioner/provision/durable"
	"runsc-provisioner/provision/engine"
	"runsc-provisioner/provision/room"
)

// Contents describes what dockerd keeps in its data root, and the limits around it.
type Contents struct {
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

// byDefault is built into dockerd.
const byDefault = "/var/lib/docker"

// Next returns the data root that dockerd will use after a restart, without what userns-remap appends. set is that of
// daemon.json or of dockerd's flag; "" if there is none. Like dockerd, it resolves symlinks. "" means unknown.
func Next(set string) string {
	root := cmp.Or(set, byDefault)
	if !filepath.IsAbs(root) {
		return ""
	}
	root = filepath.Clean(root)
	if resolved, err := filepath.EvalSymlinks(root); err == nil {
		return resolved
	}
	return root
}

// Of returns the data root without the directory that userns-remap appends.
func Of(info engine.Info) string {
	if info.UsernsRemap && remapRootName.MatchString(filepath.Base(info.RootDir)) {
		return filepath.Dir(info.RootDir)
	}
	return info.RootDir
}

// RemappedUID is the host's id of root in remapped containers, which the name of dockerd's data root begins with; 0 if
// dockerd does not remap.
func RemappedUID(info engine.Info) uint32 {
	name := filepath.Base(info.RootDir)
	if !info.UsernsRemap || !remapRootName.MatchString(name) {
		return 0
	}
	uid, _, _ := strings.Cut(name, ".")
	id, err := strconv.ParseUint(uid, 10, 32)
	if err != nil {
		return 0
	}
	return uint32(id)
}

// RemappedRoots counts the data roots that dockerd has used with userns-remap.
func RemappedRoots(info engine.Info) int {
	entries, err := os.ReadDir(Of(info))
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

// Measure measures a data root with this data, and the limits around it. state is the directory that takes the
// archive of the images. It takes seconds if there are large volumes.
func Measure(ctx context.Context, data engine.Data, root, state, proc string) (*Contents, error) {
	measured := &Contents{Data: data, VolumeBytes: map[string]int64{}}
	limited, cancel := context.WithTimeout(ctx, sizesTimeout)
	defer cancel()
	for _, v := range data.Volumes {
		measured.VolumeBytes[v.Name] = volumeBytes(limited, v)
	}
	var err error
	if measured.Unsearchable, err = firstUnsearchable(root); err != nil {
		return nil, err
	}
	if measured.MaxUserNamespaces, err = MaxUserNamespaces(proc); err != nil {
		return nil, err
	}
	measured.Room, err = measureRoom(state, root)
	return measured, err
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
func MaxUserNamespaces(proc string) (int, error) {
	path := filepath.Join(proc, "sys/user/max_user_namespaces")
	text, err := durable.ReadProc(path)
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
	bytes, err := room.Free(path)
	if err != nil {
		return freeSpace{}, err
	}
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil {
		return freeSpace{}, &os.PathError{Op: "stat", Path: path, Err: err}
	}
	return freeSpace{bytes, st.Dev}, nil
}

// sizesTimeout limits how long the sizes of all volumes may take.
const sizesTimeout = 10 * time.Second
