package lab

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"
)

// CacheEnv is the environment variable with the path of the cache.
const CacheEnv = "RUNSC_LAB_CACHE"

const defaultCache = "/var/cache/runsc-provisioner-lab"

// lockRetry is how often a lock held by another process is tried again.
const lockRetry = 100 * time.Millisecond

// A Cache is a directory of everything that is slow to make: root file systems,
// gVisor builds, the release tree. Processes may share one.
type Cache struct {
	dir string
	log io.Writer
}

// OpenCache returns the cache at RUNSC_LAB_CACHE, or the default one, and makes
// the directory. It reports what it builds to log, one line per artefact.
func OpenCache(log io.Writer) (*Cache, error) {
	dir := os.Getenv(CacheEnv)
	if dir == "" {
		dir = defaultCache
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("open lab cache: %w", err)
	}
	for _, d := range []string{dir, filepath.Join(dir, "hosts"), filepath.Join(dir, "bin")} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			return nil, fmt.Errorf("open lab cache: %w", err)
		}
	}
	return &Cache{dir: dir, log: log}, nil
}

// Dir returns the cache's directory.
func (c *Cache) Dir() string { return c.dir }

// artefact returns the directory NAME-KEY, where KEY is the digest of recipe.
// If it is missing, build fills a temporary directory, which gets the name only
// after build succeeded: a directory with the name is complete.
func (c *Cache) artefact(ctx context.Context, name, recipe string, build func(ctx context.Context, dir string) error) (string, error) {
	path := filepath.Join(c.dir, artefactName(name, recipe))
	if exists(path) {
		return path, nil
	}
	unlock, err := c.lock(ctx, name)
	if err != nil {
		return "", err
	}
	defer unlock()
	if exists(path) {
		return path, nil
	}

	partial := path + ".partial"
	if err := removeTree(partial); err != nil {
		return "", fmt.Errorf("make %s: %w", name, err)
	}
	if err := os.Mkdir(partial, 0o755); err != nil {
		return "", fmt.Errorf("make %s: %w", name, err)
	}
	start := time.Now()
	fmt.Fprintf(c.log, "lab: making %s\n", name)
	if err := build(ctx, partial); err != nil {
		return "", errors.Join(fmt.Errorf("make %s: %w", name, err), removeTree(partial))
	}
	if err := os.Rename(partial, path); err != nil {
		return "", fmt.Errorf("make %s: %w", name, err)
	}
	fmt.Fprintf(c.log, "lab: made %s in %.1f s\n", name, time.Since(start).Seconds())
	return path, nil
}

// artefactName returns the directory name of an artefact: a changed recipe gives
// another name.
func artefactName(name, recipe string) string {
	return fmt.Sprintf("%s-%x", name, sha256.Sum256([]byte(recipe)))[:len(name)+1+12]
}

// lock takes the named lock of the cache, and waits for other processes.
func (c *Cache) lock(ctx context.Context, name string) (unlock func(), err error) {
	l := flock.New(filepath.Join(c.dir, name+".lock"))
	if _, err := l.TryLockContext(ctx, lockRetry); err != nil {
		return nil, fmt.Errorf("lock %s: %w", l.Path(), err)
	}
	return func() { _ = l.Unlock() }, nil
}

// removeTree unmounts everything below dir and removes it: a killed debootstrap
// leaves /proc there, and a removal through a mount would reach the machine
// itself.
func removeTree(dir string) error {
	if err := unmountBelow(dir); err != nil {
		return err
	}
	return os.RemoveAll(dir)
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}
