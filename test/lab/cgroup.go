package lab

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// cgroupWait limits the wait until killed processes are gone.
const cgroupWait = 20 * time.Second

// cgroup is a cgroup v2 directory made by the lab.
type cgroup struct{ path string }

// cgroupRoot returns where cgroup v2 is mounted: alone, or beside v1.
func cgroupRoot() (string, error) {
	for _, path := range []string{"/sys/fs/cgroup", "/sys/fs/cgroup/unified"} {
		var st unix.Statfs_t
		if err := unix.Statfs(path, &st); err == nil && st.Type == unix.CGROUP2_SUPER_MAGIC {
			return path, nil
		}
	}
	return "", errors.New("find cgroup v2: not mounted at /sys/fs/cgroup nor below it")
}

func makeCgroup(name string) (*cgroup, error) {
	root, err := cgroupRoot()
	if err != nil {
		return nil, err
	}
	path := filepath.Join(root, name)
	if err := os.Mkdir(path, 0o755); err != nil {
		return nil, fmt.Errorf("make cgroup: %w", err)
	}
	return &cgroup{path}, nil
}

// remove kills every process in and below the cgroup, waits until they are
// gone, and removes it. If the cgroup is missing it does nothing.
func (g *cgroup) remove(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, cgroupWait)
	defer cancel()
	if err := g.kill(); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("kill cgroup: %w", err)
	}
	if err := g.waitEmpty(ctx); err != nil {
		return err
	}
	if err := removeCgroups(g.path); err != nil {
		return err
	}
	// nspawn makes the same name in the v1 hierarchy name=systemd, if there is
	// one.
	return removeCgroups(filepath.Join("/sys/fs/cgroup/systemd", filepath.Base(g.path)))
}

// waitEmpty waits until cgroup.events says that no process is left; the kernel
// signals changes by POLLPRI.
func (g *cgroup) waitEmpty(ctx context.Context) error {
	events, err := os.Open(filepath.Join(g.path, "cgroup.events"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("wait for cgroup: %w", err)
	}
	defer events.Close()
	buf := make([]byte, 256)
	for {
		n, err := events.ReadAt(buf, 0)
		if n == 0 && err != nil {
			return fmt.Errorf("wait for cgroup: %w", err)
		}
		if strings.Contains(string(buf[:n]), "populated 0") {
			return nil
		}
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("wait for cgroup %s to be empty: %w", g.path, err)
		}
		poll := []unix.PollFd{{Fd: int32(events.Fd()), Events: unix.POLLPRI}}
		if _, err := unix.Poll(poll, 100); err != nil && !errors.Is(err, unix.EINTR) {
			return fmt.Errorf("wait for cgroup: %w", err)
		}
	}
}

// removeCgroups removes a cgroup and those below it, deepest first.
func removeCgroups(path string) error {
	root, err := os.OpenRoot(path)
	if err == nil {
		err = errors.Join(removeBelow(root), root.Close())
	}
	if err == nil {
		err = os.Remove(path)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove cgroup: %w", err)
	}
	return nil
}

// removeBelow goes from directory to directory: a program with a delegated
// cgroup may nest cgroups deeper than PATH_MAX.
func removeBelow(root *os.Root) error {
	dir, err := root.Open(".")
	if err != nil {
		return err
	}
	entries, err := dir.ReadDir(-1)
	if err = errors.Join(err, dir.Close()); err != nil {
		return err
	}
	for _, entry := range entries {
		if !entry.IsDir() {
			continue // the kernel removes it with its directory
		}
		below, err := root.OpenRoot(entry.Name())
		if err == nil {
			err = errors.Join(removeBelow(below), below.Close())
		}
		if err == nil {
			err = root.Remove(entry.Name())
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// kill kills every process in and below the cgroup.
func (g *cgroup) kill() error {
	return os.WriteFile(filepath.Join(g.path, "cgroup.kill"), []byte("1"), 0)
}

// removeEmpty removes the cgroup unless a process is left in it: a program's
// background child may live as long as the host.
func (g *cgroup) removeEmpty() { _ = os.Remove(g.path) }
