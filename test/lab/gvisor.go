package lab

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
)

// gvisor returns a directory with gVisor's binaries that report the given
// release (`release-20260914.0`), laid out as in its bundle. They are built
// from the module that test/lab/gvisor pins. The sidecars that the module lacks
// are missing, which runsc allows.
func (c *Cache) gvisor(ctx context.Context, label string) (string, error) {
	root, err := moduleRoot(ctx)
	if err != nil {
		return "", err
	}
	module := filepath.Join(root, "test/lab/gvisor")
	recipe := "1 " + label
	for _, f := range []string{"go.mod", "go.sum", "gvisor_sentry/main.go"} {
		text, err := os.ReadFile(filepath.Join(module, f))
		if err != nil {
			return "", fmt.Errorf("build gvisor: %w", err)
		}
		recipe += "\n" + string(text)
	}
	// One build at a time: the second label only needs a new link, from the
	// build cache that the first one filled.
	unlock, err := c.lock(ctx, "gvisor-build")
	if err != nil {
		return "", err
	}
	defer unlock()
	return c.artefact(ctx, "gvisor-"+label, recipe, func(ctx context.Context, dir string) error {
		_, err := toolRun(ctx, module, []string{"CGO_ENABLED=0", "GOWORK=off"}, "go", "build", "-trimpath", "-buildvcs=false",
			"-ldflags", "-s -w -X gvisor.dev/gvisor/runsc/version.version="+label, "-o", dir+"/",
			"gvisor.dev/gvisor/runsc", "gvisor.dev/gvisor/shim", "./gvisor_sentry")
		if err != nil {
			return err
		}
		if err := os.Mkdir(filepath.Join(dir, "gvisor-bin"), 0o755); err != nil {
			return err
		}
		for from, to := range map[string]string{"shim": "containerd-shim-runsc-v1", "gvisor_sentry": "gvisor-bin/gvisor_sentry"} {
			if err := os.Rename(filepath.Join(dir, from), filepath.Join(dir, to)); err != nil {
				return err
			}
		}
		return nil
	})
}
