package lab

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
)

// runscFiles are the programs of the lab's bundles. The public module has no
// other sidecar than gvisor_sentry, and runsc allows that.
var runscFiles = []string{"runsc", "containerd-shim-runsc-v1", "gvisor-bin/gvisor_sentry"}

// standIns are the sidecars of gVisor's bundles that the public module lacks.
// The lab has small programs in their place (test/lab/gvisor/sidecar).
var standIns = []string{"gvisor-sentry-prewarmer", "checkpointgofer", "runsc-metric-server", "runsc-fd-parking"}

// gvisor returns a directory with gVisor's binaries that report the given
// release (`release-20260914.0`), laid out as in its bundle. They are built
// from the module that test/lab/gvisor pins. The sidecars that the module lacks
// are missing, which runsc allows.
func (c *Cache) gvisor(ctx context.Context, label string) (string, error) {
	return c.buildGvisor(ctx, "gvisor-"+label, "1 "+label, label, "gvisor.dev/gvisor/runsc")
}

// nextGvisor is gvisor with a stand-in for the next runsc, which rejects the
// flags that gVisor has announced to remove (test/lab/gvisor/next_runsc).
func (c *Cache) nextGvisor(ctx context.Context, label string) (string, error) {
	return c.buildGvisor(ctx, "gvisor-next-"+label, "1 next "+label, label, "./next_runsc")
}

// buildGvisor builds one release. runsc is the package that becomes its runsc: one
// of the pinned module, or a directory of test/lab/gvisor.
func (c *Cache) buildGvisor(ctx context.Context, name, recipe, label, runsc string) (string, error) {
	root, err := moduleRoot(ctx)
	if err != nil {
		return "", err
	}
	module := filepath.Join(root, "test/lab/gvisor")
	sources := []string{"go.mod", "go.sum", "gvisor_sentry/main.go"}
	if !filepath.IsAbs(runsc) && exists(filepath.Join(module, runsc, "main.go")) {
		sources = append(sources, filepath.Join(runsc, "main.go"))
	}
	if recipe, err = withSources(recipe, module, sources...); err != nil {
		return "", err
	}
	// One build at a time: the second label only needs a new link, from the
	// build cache that the first one filled.
	unlock, err := c.lock(ctx, "gvisor-build")
	if err != nil {
		return "", err
	}
	defer unlock()
	return c.artefact(ctx, name, recipe, func(ctx context.Context, dir string) error {
		_, err := toolRun(ctx, module, []string{"CGO_ENABLED=0", "GOWORK=off"}, "go", "build", "-trimpath", "-buildvcs=false",
			"-ldflags", "-s -w -X gvisor.dev/gvisor/runsc/version.version="+label, "-o", dir+"/",
			runsc, "gvisor.dev/gvisor/shim", "./gvisor_sentry")
		if err != nil {
			return err
		}
		if err := os.Mkdir(filepath.Join(dir, "gvisor-bin"), 0o755); err != nil {
			return err
		}
		for from, to := range map[string]string{
			filepath.Base(runsc): "runsc", "shim": "containerd-shim-runsc-v1", "gvisor_sentry": "gvisor-bin/gvisor_sentry",
		} {
			if err := os.Rename(filepath.Join(dir, from), filepath.Join(dir, to)); err != nil {
				return err
			}
		}
		return nil
	})
}

// gvisorWithSidecars is gvisor with all five sidecars: gvisor_sentry, and the
// stand-ins.
func (c *Cache) gvisorWithSidecars(ctx context.Context, label string) (string, error) {
	source, err := c.gvisor(ctx, label)
	if err != nil {
		return "", err
	}
	root, err := moduleRoot(ctx)
	if err != nil {
		return "", err
	}
	module := filepath.Join(root, "test/lab/gvisor")
	recipe, err := withSources("1 "+filepath.Base(source), module, "sidecar/main.go")
	if err != nil {
		return "", err
	}
	return c.artefact(ctx, "gvisor-sidecars-"+label, recipe, func(ctx context.Context, dir string) error {
		if err := os.Mkdir(filepath.Join(dir, "gvisor-bin"), 0o755); err != nil {
			return err
		}
		if err := linkAll(source, dir, runscFiles...); err != nil {
			return err
		}
		for _, name := range standIns {
			_, err := toolRun(ctx, module, []string{"CGO_ENABLED=0", "GOWORK=off"}, "go", "build", "-trimpath", "-buildvcs=false",
				"-ldflags", "-s -w -X main.name="+name, "-o", filepath.Join(dir, "gvisor-bin", name), "./sidecar")
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// withSources is recipe with the text of files below dir.
func withSources(recipe, dir string, files ...string) (string, error) {
	for _, f := range files {
		text, err := os.ReadFile(filepath.Join(dir, f))
		if err != nil {
			return "", fmt.Errorf("build gvisor: %w", err)
		}
		recipe += "\n" + string(text)
	}
	return recipe, nil
}
