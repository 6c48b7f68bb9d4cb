package lab

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Suites are the Debian releases that a host can run.
func Suites() []string { return []string{"trixie", "bookworm"} }

// packages lists the packages of a root: those that the product needs on a
// Docker host, and those that tests use to cause trouble (attributes, ACLs) and
// to look (curl, procps).
func packages(suite string) []string {
	list := []string{
		"systemd", "systemd-sysv", "dbus", "docker.io", "iptables", "iproute2",
		"ca-certificates", "procps", "e2fsprogs", "acl", "attr", "curl", "zstd", "bzip2", "patch",
	}
	if suite != "bookworm" { // there it is part of docker.io
		list = append(list, "docker-cli")
	}
	return list
}

// masked units are useless on a host that lives for seconds, fail in a
// container (the modules), or would use the network (apt's timers).
func masked() []string {
	return []string{
		"systemd-modules-load.service", "console-getty.service", "apt-daily.timer", "apt-daily-upgrade.timer",
		"e2scrub_all.timer", "e2scrub_reap.service", "fstrim.timer", "dpkg-db-backup.timer",
	}
}

// Root returns the pristine root file system of a suite, made by debootstrap
// from its default mirror. It must not be written to.
func (c *Cache) Root(ctx context.Context, suite string) (string, error) {
	include := strings.Join(packages(suite), ",")
	recipe := strings.Join(append([]string{"1", suite, include}, masked()...), "\n")
	return c.artefact(ctx, "root-"+suite, recipe, func(ctx context.Context, dir string) error {
		_, err := toolRun(ctx, "", nil, "debootstrap", "--variant=minbase", "--include="+include, suite, dir)
		if err != nil {
			return err
		}
		for _, unit := range masked() {
			if err := os.Symlink("/dev/null", filepath.Join(dir, "etc/systemd/system", unit)); err != nil {
				return err
			}
		}
		debs, err := filepath.Glob(filepath.Join(dir, "var/cache/apt/archives/*.deb"))
		if err != nil {
			return err
		}
		for _, deb := range debs {
			if err := os.Remove(deb); err != nil {
				return err
			}
		}
		return nil
	})
}

func checkSuite(suite string) error {
	for _, s := range Suites() {
		if s == suite {
			return nil
		}
	}
	return fmt.Errorf("suite %q: want one of %s", suite, strings.Join(Suites(), ", "))
}
