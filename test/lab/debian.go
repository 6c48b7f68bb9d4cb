package lab

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// debian returns a directory with the unpacked content of some of trixie's
// packages, and the packages themselves as NAME.deb.
func (c *Cache) debian(ctx context.Context, packages ...string) (string, error) {
	return c.packages(ctx, "trixie", packages...)
}

// packages is debian for a suite.
func (c *Cache) packages(ctx context.Context, suite string, packages ...string) (string, error) {
	root, err := c.Root(ctx, suite)
	if err != nil {
		return "", err
	}
	name := "debian-" + strings.Join(packages, "-")
	if suite != "trixie" {
		name = "debian-" + suite + "-" + strings.Join(packages, "-")
	}
	return c.artefact(ctx, name, "2", func(ctx context.Context, dir string) error {
		work := filepath.Join(dir, "work")
		for _, d := range []string{"lists/partial", "cache/archives/partial"} {
			if err := os.MkdirAll(filepath.Join(work, d), 0o755); err != nil {
				return err
			}
		}
		// Use the machine's apt with the root's sources and keys: the machine
		// may have another suite, and the root must not be written to.
		apt := []string{
			"apt-get", "-qq",
			"-o", "Dir::Etc::sourcelist=" + filepath.Join(root, "etc/apt/sources.list"), "-o", "Dir::Etc::sourceparts=-",
			"-o", "Dir::Etc::trustedparts=" + filepath.Join(root, "etc/apt/trusted.gpg.d"),
			"-o", "Dir::State::lists=" + filepath.Join(work, "lists"), "-o", "Dir::Cache=" + filepath.Join(work, "cache"),
			"-o", "Dir::State::status=" + filepath.Join(root, "var/lib/dpkg/status"),
			"-o", "APT::Sandbox::User=root",
		}
		for _, verb := range [][]string{{"update"}, append([]string{"download"}, packages...)} {
			if _, err := toolRun(ctx, work, nil, append(apt, verb...)...); err != nil {
				return err
			}
		}
		for _, pkg := range packages {
			debs, err := filepath.Glob(filepath.Join(work, pkg+"_*.deb"))
			if err != nil {
				return err
			}
			if len(debs) != 1 {
				return fmt.Errorf("download %s: got %d packages, want 1", pkg, len(debs))
			}
			if _, err := toolRun(ctx, work, nil, "dpkg", "-x", debs[0], dir); err != nil {
				return err
			}
			if err := os.Rename(debs[0], filepath.Join(dir, pkg+".deb")); err != nil {
				return err
			}
		}
		return os.RemoveAll(work)
	})
}

// debianRunsc returns a directory with the runsc of trixie's package, an old
// release in the loose layout that Debian built.
func (c *Cache) debianRunsc(ctx context.Context) (string, error) {
	dir, err := c.debian(ctx, "runsc")
	return filepath.Join(dir, "usr/bin"), err
}

// PackagesDir is the directory of a host with Options.Packages.
const PackagesDir = "/root/packages"

// withDebian adds further parts of Debian to a host.
func (h *Host) withDebian(ctx context.Context, root *os.Root, o Options) error {
	if o.Prometheus {
		dir, err := h.cache.debian(ctx, "prometheus", "promtool", "prometheus-node-exporter")
		if err != nil {
			return err
		}
		for _, name := range []string{"prometheus", "promtool", "prometheus-node-exporter"} {
			if err := copyInto(root, filepath.Join(dir, "usr/bin", name), "usr/local/bin/"+name); err != nil {
				return err
			}
		}
	}
	for name, wanted := range map[string]bool{"docker-buildx": o.Buildx, "docker-compose": o.Compose} {
		if !wanted {
			continue
		}
		dir, err := h.cache.debian(ctx, name)
		if err != nil {
			return err
		}
		plugin := "docker/cli-plugins/" + name
		if err := copyInto(root, filepath.Join(dir, "usr/libexec", plugin), "usr/local/lib/"+plugin); err != nil {
			return err
		}
	}
	if len(o.Packages) == 0 {
		return nil
	}
	dir, err := h.cache.packages(ctx, o.Suite, o.Packages...)
	for _, name := range o.Packages {
		if err == nil {
			err = copyInto(root, filepath.Join(dir, name+".deb"), filepath.Join(PackagesDir, name+".deb")[1:])
		}
	}
	return err
}
