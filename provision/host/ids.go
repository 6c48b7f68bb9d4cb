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

	"runsc-provisioner/provision/blocked"
	"runsc-provisioner/provision/command"
	"runsc-provisioner/provision/config"
	"runsc-provisioner/provision/durable"
	"runsc-provisioner/provision/engine"
	"runsc-provisioner/provision/release"
	"runsc-provisioner/provision/subid"
)

const (
	// maxAccounts is the most bytes of passwd, group and the like.
	maxAccounts = 16 << 20
	// sizesTimeout bounds how long the sizes of volumes are looked for.
	sizesTimeout = 10 * time.Second
	// getentTimeout bounds the question to the name service.
	getentTimeout = 10 * time.Second
)

// ObserveIDs reads the accounts and subordinate ids. A line of those that is not
// understood is a *blocked.Refused.
func (h *Host) ObserveIDs(ctx context.Context, c config.Config) (subid.Identities, error) {
	ids := subid.Identities{Dir: h.Paths.Etc, InNameService: map[string]bool{}, Made: h.State().MadeIDs().Keys()}
	texts := map[string]string{}
	for _, name := range []string{"passwd", "group", subid.UIDFile, subid.GIDFile, "login.defs", "nsswitch.conf"} {
		text, err := durable.ReadLimited(filepath.Join(h.Paths.Etc, name), maxAccounts)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return ids, &blocked.Refused{Object: filepath.Join(h.Paths.Etc, name), Err: err}
		}
		texts[name] = string(text)
	}
	ids.Users, ids.Groups = subid.ParseEntries(texts["passwd"]), subid.ParseEntries(texts["group"])
	ids.Sources = subid.Source(texts["nsswitch.conf"])
	for _, f := range []struct {
		name, kind string
		file       *subid.File
	}{{subid.UIDFile, "UID", &ids.UIDs}, {subid.GIDFile, "GID", &ids.GIDs}} {
		*f.file = subid.File{Path: filepath.Join(h.Paths.Etc, f.name), Text: texts[f.name], Limits: subid.ParseLimits(texts["login.defs"], f.kind)}
		var err error
		if f.file.Ranges, err = subid.Parse(f.file.Path, f.file.Text); err != nil {
			return ids, &blocked.Refused{Object: f.file.Path, Err: err}
		}
	}
	if c.Docker.Remap() != config.RemapOn {
		return ids, nil
	}
	name, _ := config.RemapNames(c.Docker.UsernsRemap)
	if _, local := subid.Find(ids.Users, name); !local && name != config.RemapAccount {
		ids.InNameService[name] = inNameService(ctx, name)
	}
	return ids, nil
}

// inNameService asks the name service for a user.
func inNameService(ctx context.Context, name string) bool {
	ctx, cancel := context.WithTimeout(ctx, getentTimeout)
	defer cancel()
	return command.New(ctx, "getent", "passwd", name).Run() == nil
}

// remapRootName is the directory of a remapped data root.
var remapRootName = regexp.MustCompile(`^[0-9]+\.[0-9]+$`)

// DataRootOf is the data root without userns-remap.
func DataRootOf(info engine.Info) string {
	if info.UsernsRemap && remapRootName.MatchString(filepath.Base(info.RootDir)) {
		return filepath.Dir(info.RootDir)
	}
	return info.RootDir
}

// remapRoots counts the data roots that dockerd has had with userns-remap.
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

// ObserveData looks at what is below the data root of o's dockerd, and around it.
func (h *Host) ObserveData(ctx context.Context, o Observed) (*DataRoot, error) {
	client, err := h.Dial(o.Flags)
	if err != nil {
		return nil, blocked.DockerdSilent(err)
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

// volumeBytes is what a volume takes on the disk, or -1.
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

// firstUnsearchable is the first directory above root that others may not search.
// dockerd refuses to start below one (moby daemon/daemon_unix.go).
func firstUnsearchable(root string) (string, error) {
	real, err := filepath.EvalSymlinks(root)
	if err != nil {
		return "", fmt.Errorf("look at the data root: %w", err)
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
			return "", fmt.Errorf("look at the data root: %w", err)
		}
		if info.Mode().Perm()&0o001 == 0 {
			return dir, nil
		}
	}
	return "", nil
}

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
