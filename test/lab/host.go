package lab

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/gofrs/flock"
)

// bootTimeout limits systemd's start until its last job is done; a warm host
// takes a second or two.
const bootTimeout = 90 * time.Second

// A Host is a running throwaway host.
type Host struct {
	id      string // host name, unique on the machine
	dir     string // what Close removes
	tree    string // what the release server serves
	cache   *Cache
	alive   *flock.Flock // locked while this process owns the host
	machine *machine
	leader  int // pid, on the machine, of the host's init

	closing  sync.Once
	closeErr error

	mu     sync.Mutex // guards the fields below
	closed bool
	runs   int
}

// Boot makes what the cache lacks, boots a host and returns when it is usable:
// systemd has no job left, the release server answers, and dockerd has the
// requested state. The caller must Close the host.
func Boot(ctx context.Context, options Options) (*Host, error) {
	o, err := options.complete()
	if err != nil {
		return nil, fmt.Errorf("boot host: %w", err)
	}
	cache, err := OpenCache(os.Stderr)
	if err != nil {
		return nil, fmt.Errorf("boot host: %w", err)
	}
	if err := cache.Prepare(ctx, o.Suite, ReleaseTree); err != nil {
		return nil, fmt.Errorf("boot host: %w", err)
	}
	h, err := cache.newHost(ctx, o.Name)
	if err != nil {
		return nil, fmt.Errorf("boot host: %w", err)
	}
	if err := h.boot(ctx, o); err != nil {
		err = fmt.Errorf("boot %s: %w\n%s", h.id, err, h.console())
		return nil, errors.Join(err, h.Close())
	}
	return h, nil
}

// newHost sweeps what dead processes left and makes the new host's directory. A
// lock, which the kernel drops when this process ends, marks it as owned.
func (c *Cache) newHost(ctx context.Context, name string) (*Host, error) {
	unlock, err := c.lock(ctx, "hosts")
	if err != nil {
		return nil, err
	}
	defer unlock()
	if err := c.sweep(); err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp(filepath.Join(c.dir, "hosts"), name+"-")
	if err != nil {
		return nil, err
	}
	alive := flock.New(dir + aliveSuffix)
	if _, err := alive.TryLock(); err != nil {
		return nil, fmt.Errorf("lock %s: %w", dir, err)
	}
	return &Host{id: filepath.Base(dir), dir: dir, cache: c, alive: alive}, nil
}

func (h *Host) boot(ctx context.Context, o Options) error {
	if err := h.assemble(ctx, o); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, bootTimeout, fmt.Errorf("not up after %v", bootTimeout))
	defer cancel()
	m, err := startMachine(ctx, h.id, h.dir, h.binds(o))
	if err != nil {
		return err
	}
	h.machine = m
	if h.leader, err = m.waitReady(ctx); err != nil {
		return err
	}
	units := []string{releasesUnit}
	if o.Docker == DockerRunning {
		units = append(units, "docker.service")
	}
	for _, unit := range units {
		if err := h.wantActive(ctx, unit); err != nil {
			return err
		}
	}
	if o.Docker == DockerRunning {
		return h.LoadImage(ctx)
	}
	return nil
}

// binds returns the mounts of every host and those of o. Docker's directories
// are on a real file system: overlay2 does not stack on overlay.
func (h *Host) binds(o Options) []Bind {
	binds := []Bind{{Source: h.tree, Target: releasesDir, ReadOnly: true}}
	for _, name := range []string{"docker", "containerd"} {
		binds = append(binds, Bind{Source: filepath.Join(h.dir, name), Target: "/var/lib/" + name})
	}
	return append(binds, o.Binds...)
}

// wantActive returns an error with the end of the journal if a unit is not
// active.
func (h *Host) wantActive(ctx context.Context, unit string) error {
	r, err := h.Run(ctx, "systemctl", "is-active", unit)
	if err != nil {
		return err
	}
	if r.Code == 0 {
		return nil
	}
	journal, err := h.Run(ctx, "journalctl", "--no-pager", "-n", "30", "-u", unit)
	if err != nil {
		return err
	}
	return fmt.Errorf("%s is %s:\n%s", unit, strings.TrimSpace(r.Stdout), journal.Stdout)
}

// Name returns the host's name, unique on the machine.
func (h *Host) Name() string { return h.id }

// PID returns the pid of the host's init as the machine sees it.
func (h *Host) PID() int { return h.leader }

// Path returns a path of the host as the machine sees it, to read and write
// files directly. Beware: a symlink in it with an absolute target leads to the
// machine's own files.
func (h *Host) Path(p string) string {
	return filepath.Join(fmt.Sprintf("/proc/%d/root", h.leader), p)
}

// console returns the end of the output of the host's init.
func (h *Host) console() string {
	text, err := os.ReadFile(filepath.Join(h.dir, "console.log"))
	if err != nil {
		return ""
	}
	return lastLines(string(text), 30)
}
