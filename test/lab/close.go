package lab

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/gofrs/flock"
)

// poweroffWait is how long a host may take to stop.
const poweroffWait = 10 * time.Second

// aliveSuffix ends the name of the file beside a host's directory that the
// host's owner keeps locked.
const aliveSuffix = ".alive"

// Close ends the host and removes everything of it. A second call only returns
// the same error.
func (h *Host) Close() error {
	h.closing.Do(func() {
		if err := h.close(); err != nil {
			h.closeErr = fmt.Errorf("close %s: %w", h.id, err)
		}
	})
	return h.closeErr
}

func (h *Host) close() error {
	h.powerOff()
	h.mu.Lock()
	h.closed = true
	h.mu.Unlock()

	var errs []error
	if h.machine != nil {
		errs = append(errs, h.machine.notify.Close())
	}
	errs = append(errs, removeHost(h.dir), os.RemoveAll(h.alive.Path()), h.alive.Unlock())
	return errors.Join(errs...)
}

// powerOff asks the host's systemd to power off at once, without stopping units
// first: nothing of the host is kept.
func (h *Host) powerOff() {
	if h.leader == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), poweroffWait)
	defer cancel()
	// Ignore the result: the program dies with the host.
	_, _ = h.Run(ctx, "systemctl", "poweroff", "--force", "--force")
	select {
	case <-h.machine.exited:
	case <-ctx.Done():
	}
}

// removeHost removes what is left of a host: processes, cgroups, mounts,
// nspawn's own directory, and last the host's directory, so that the next sweep
// finds it if an earlier step fails.
func removeHost(dir string) error {
	id := filepath.Base(dir)
	root, err := cgroupRoot()
	if err != nil {
		return err
	}
	group := &cgroup{filepath.Join(root, "lab-"+id)}
	if err := group.remove(context.Background()); err != nil {
		return err
	}
	if err := removeTree(dir); err != nil {
		return err
	}
	return removeTree(filepath.Join("/run/systemd/nspawn/propagate", id))
}

// sweep removes the hosts of processes that ended without closing them: the
// kernel has dropped their locks. The caller must hold the lock "hosts".
func (c *Cache) sweep() error {
	dirs, err := filepath.Glob(filepath.Join(c.dir, "hosts", "*"))
	if err != nil {
		return err
	}
	for _, dir := range dirs {
		dir = strings.TrimSuffix(dir, aliveSuffix) // a lock without its directory is a leftover too
		alive := flock.New(dir + aliveSuffix)
		dead, err := alive.TryLock()
		if err != nil {
			return fmt.Errorf("sweep %s: %w", dir, err)
		}
		if !dead {
			continue
		}
		if exists(dir) {
			fmt.Fprintf(c.log, "lab: removing %s, left by a process that was killed\n", filepath.Base(dir))
		}
		if err := errors.Join(removeHost(dir), os.RemoveAll(alive.Path()), alive.Unlock()); err != nil {
			return fmt.Errorf("sweep %s: %w", dir, err)
		}
	}
	return nil
}
