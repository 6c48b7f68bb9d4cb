package lab

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// moduleRoot returns the directory of the product's go.mod, found from the
// current directory as the go command finds it.
func moduleRoot(ctx context.Context) (string, error) {
	gomod, err := toolRun(ctx, "", []string{"GOWORK=off"}, "go", "env", "GOMOD")
	if err != nil {
		return "", fmt.Errorf("find the module: %w", err)
	}
	root := filepath.Dir(strings.TrimSpace(gomod))
	if !exists(filepath.Join(root, "test/lab/gvisor/go.mod")) {
		return "", fmt.Errorf("find the module: %q is not this project's", root)
	}
	return root, nil
}

// programs builds the named main packages of the product's module statically,
// and copies each to its destination. The go command skips what is up to date.
func (c *Cache) programs(ctx context.Context, wanted map[string]string) error {
	if len(wanted) == 0 {
		return nil
	}
	root, err := moduleRoot(ctx)
	if err != nil {
		return err
	}
	// One directory per checkout, so that two checkouts with one cache do not
	// rebuild in turn.
	name := artefactName("bin", root)
	unlock, err := c.lock(ctx, name)
	if err != nil {
		return err
	}
	defer unlock()
	dir := filepath.Join(c.dir, "bin", name)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("build programs: %w", err)
	}
	build := []string{"go", "build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w", "-o", dir + "/"}
	for pkg := range wanted {
		build = append(build, pkg)
	}
	if _, err := toolRun(ctx, root, []string{"CGO_ENABLED=0", "GOWORK=off"}, build...); err != nil {
		return fmt.Errorf("build programs: %w", err)
	}
	for pkg, target := range wanted {
		if err := copyFile(filepath.Join(dir, filepath.Base(pkg)), target, 0o755); err != nil {
			return fmt.Errorf("build programs: %w", err)
		}
	}
	return nil
}

func copyFile(source, target string, mode fs.FileMode) error {
	in, err := os.Open(source)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(target, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, mode)
	if err != nil {
		return err
	}
	defer out.Close()
	if _, err := io.Copy(out, in); err != nil {
		return err
	}
	return out.Close()
}
