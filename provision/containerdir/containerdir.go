// Package containerdir reads what dockerd keeps of each container below its data root, and edits the two files of it that
// dockerd mounts into the container: hosts and resolv.conf.
//
// It never follows a symlink, never replaces a file, and never writes to a file that is not a regular one with one name.
// The container can write to both files too: nothing in them is believed to be short or well formed.
package containerdir

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"golang.org/x/sys/unix"

	"runsc-provisioner/provision/durable"
	"runsc-provisioner/provision/engine"
)

const (
	// ConfigName and HostConfigName are dockerd's descriptions of a container. dockerd replaces them by renaming.
	ConfigName     = "config.v2.json"
	HostConfigName = "hostconfig.json"
	// HostsName and ResolvName are the files that a container sees in /etc. dockerd writes them in place.
	HostsName  = "hosts"
	ResolvName = "resolv.conf"
)

// maxContainers is ten times the most that we know one host to run.
const maxContainers = 10_000

// Root is the directory of all containers of a dockerd: DATA-ROOT/containers.
type Root struct {
	path string
	dir  *os.File
}

// Open opens the directory of the containers in a data root of dockerd.
func Open(dataRoot string) (*Root, error) {
	path := filepath.Join(dataRoot, "containers")
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: path, Err: err}
	}
	return &Root{path, os.NewFile(uintptr(fd), path)}, nil
}

// Path is the path of the directory.
func (r *Root) Path() string { return r.path }

// Dir is the path of the directory of a container.
func (r *Root) Dir(id string) string { return filepath.Join(r.path, id) }

// Close closes the directory.
func (r *Root) Close() error { return r.dir.Close() }

// IDs are the containers that have a directory, sorted.
func (r *Root) IDs() ([]string, error) {
	entries, err := durable.EntriesOf(r.path, maxContainers+1)
	if err != nil {
		return nil, err
	}
	if len(entries) > maxContainers {
		return nil, fmt.Errorf("%s has more than %d entries", r.path, maxContainers)
	}
	var ids []string
	for _, entry := range entries {
		if engine.IsContainerID(entry.Name()) {
			ids = append(ids, entry.Name())
		}
	}
	slices.Sort(ids)
	return ids, nil
}

// open opens a regular file of a container. It never waits, and never follows a symlink.
func (r *Root) open(id, name string, flags int) (*os.File, unix.Stat_t, error) {
	path := filepath.Join(r.path, id, name)
	if !engine.IsContainerID(id) {
		return nil, unix.Stat_t{}, &os.PathError{Op: "open", Path: path, Err: unix.EINVAL}
	}
	// systemd's RestrictSUIDSGID= takes openat2(2) away.
	dir, err := unix.Openat(int(r.dir.Fd()), id, unix.O_PATH|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, unix.Stat_t{}, &os.PathError{Op: "open", Path: r.Dir(id), Err: err}
	}
	defer unix.Close(dir)
	fd, err := unix.Openat(dir, name, flags|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	if errors.Is(err, unix.ELOOP) || errors.Is(err, unix.ENXIO) { // a symlink, or a socket
		return nil, unix.Stat_t{}, &OddError{path, notDockers}
	}
	if err != nil {
		return nil, unix.Stat_t{}, &os.PathError{Op: "open", Path: path, Err: err}
	}
	file := os.NewFile(uintptr(fd), path)
	var stat unix.Stat_t
	if err := unix.Fstat(fd, &stat); err != nil {
		return nil, stat, errors.Join(&os.PathError{Op: "stat", Path: path, Err: err}, file.Close())
	}
	if stat.Mode&unix.S_IFMT != unix.S_IFREG || stat.Nlink > 1 {
		return nil, stat, errors.Join(&OddError{path, notDockers}, file.Close())
	}
	return file, stat, nil
}

const notDockers = "it is not a regular file with one name"

// OddError means that a file is not one that dockerd makes.
type OddError struct{ Path, Reason string }

func (e *OddError) Error() string { return e.Path + ": " + e.Reason }

// IsGone reports whether an error means that a container, or its directory, was removed.
func IsGone(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ENOTDIR)
}
