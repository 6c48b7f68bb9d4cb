package lab

import (
	"context"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"slices"
	"strings"
)

// tools maps the programs that the lab runs on the machine to the Debian and
// Ubuntu packages that have them.
func tools() map[string]string {
	return map[string]string{
		"systemd-nspawn": "systemd-container",
		"debootstrap":    "debootstrap",
		"busybox":        "busybox-static",
		"zstd":           "zstd",
		"bzip2":          "bzip2",
		"nsenter":        "util-linux",
		"dpkg":           "dpkg",
	}
}

// installTools installs the tools that the machine lacks with apt-get.
func (c *Cache) installTools(ctx context.Context) error {
	if len(missingTools()) == 0 {
		return nil
	}
	unlock, err := c.lock(ctx, "tools")
	if err != nil {
		return err
	}
	defer unlock()
	packages := missingTools()
	if len(packages) == 0 {
		return nil
	}
	fmt.Fprintf(c.log, "lab: installing %s\n", strings.Join(packages, " "))
	env := []string{"DEBIAN_FRONTEND=noninteractive"}
	install := append([]string{"apt-get", "install", "-y", "--no-install-recommends"}, packages...)
	if _, err := toolRun(ctx, "", env, install...); err == nil {
		return nil
	}
	// The lists may be missing or too old for the mirror.
	if _, err := toolRun(ctx, "", env, "apt-get", "update"); err != nil {
		return fmt.Errorf("install lab tools: %w", err)
	}
	if _, err := toolRun(ctx, "", env, install...); err != nil {
		return fmt.Errorf("install lab tools: %w", err)
	}
	return nil
}

func missingTools() []string {
	missing := map[string]bool{}
	for program, pkg := range tools() {
		if _, err := exec.LookPath(program); err != nil {
			missing[pkg] = true
		}
	}
	return slices.Sorted(maps.Keys(missing))
}

// possible returns why the lab cannot run on this machine, or nil.
func possible() error {
	if os.Geteuid() != 0 {
		return fmt.Errorf("the lab needs root")
	}
	release, err := os.ReadFile("/etc/os-release")
	if err != nil {
		return fmt.Errorf("the lab needs Debian or Ubuntu: %w", err)
	}
	for line := range strings.Lines(string(release)) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		if key != "ID" && key != "ID_LIKE" {
			continue
		}
		for id := range strings.FieldsSeq(strings.Trim(value, `"'`)) {
			if id == "debian" || id == "ubuntu" {
				return nil
			}
		}
	}
	return fmt.Errorf("the lab needs Debian or Ubuntu")
}
