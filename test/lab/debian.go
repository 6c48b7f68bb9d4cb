package lab

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
)

// debianRunsc returns a directory with the runsc of trixie's package, an old
// release of the loose layout that nobody here built.
func (c *Cache) debianRunsc(ctx context.Context) (string, error) {
	root, err := c.Root(ctx, "trixie")
	if err != nil {
		return "", err
	}
	return c.artefact(ctx, "debian-runsc", "1", func(ctx context.Context, dir string) error {
		work := filepath.Join(dir, "work")
		for _, d := range []string{"lists/partial", "cache/archives/partial", "unpacked"} {
			if err := os.MkdirAll(filepath.Join(work, d), 0o755); err != nil {
				return err
			}
		}
		// The machine's apt with the root's sources and keys: the machine may
		// be of another suite, and the root is not to be written to.
		apt := []string{
			"apt-get", "-qq",
			"-o", "Dir::Etc::sourcelist=" + filepath.Join(root, "etc/apt/sources.list"), "-o", "Dir::Etc::sourceparts=-",
			"-o", "Dir::Etc::trustedparts=" + filepath.Join(root, "etc/apt/trusted.gpg.d"),
			"-o", "Dir::State::lists=" + filepath.Join(work, "lists"), "-o", "Dir::Cache=" + filepath.Join(work, "cache"),
			"-o", "Dir::State::status=" + filepath.Join(root, "var/lib/dpkg/status"),
			"-o", "APT::Sandbox::User=root",
		}
		for _, verb := range [][]string{{"update"}, {"download", "runsc"}} {
			if _, err := toolRun(ctx, work, nil, append(apt, verb...)...); err != nil {
				return err
			}
		}
		debs, err := filepath.Glob(filepath.Join(work, "runsc_*.deb"))
		if err != nil || len(debs) != 1 {
			return fmt.Errorf("download runsc: got %d packages, %v", len(debs), err)
		}
		unpacked := filepath.Join(work, "unpacked")
		if _, err := toolRun(ctx, work, nil, "dpkg", "-x", debs[0], unpacked); err != nil {
			return err
		}
		if err := os.Rename(filepath.Join(unpacked, "usr/bin/runsc"), filepath.Join(dir, "runsc")); err != nil {
			return err
		}
		return os.RemoveAll(work)
	})
}
