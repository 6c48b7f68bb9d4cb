package lab

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
)

// newestDropIn makes docker.service start the newest dockerd. Its runc is built
// without libseccomp.
const newestDropIn = `[Service]
ExecStart=
ExecStart=/usr/local/bin/dockerd -H fd:// --containerd=/run/containerd/containerd.sock --seccomp-profile=unconfined
`

// newest returns a directory with the dockerd and the runc that test/lab/newest
// pins. The first build takes minutes.
func (c *Cache) newest(ctx context.Context) (string, error) {
	root, err := moduleRoot(ctx)
	if err != nil {
		return "", err
	}
	module := filepath.Join(root, "test/lab/newest")
	recipe := "1"
	for _, f := range []string{"go.mod", "go.sum"} {
		text, err := os.ReadFile(filepath.Join(module, f))
		if err != nil {
			return "", fmt.Errorf("build the newest dockerd: %w", err)
		}
		recipe += "\n" + string(text)
	}
	return c.artefact(ctx, "newest", recipe, func(ctx context.Context, dir string) error {
		build := func(cgo, tags, flags, pkg string) error {
			_, err := toolRun(ctx, module, []string{"CGO_ENABLED=" + cgo, "GOWORK=off"}, "go", "build", "-trimpath", "-buildvcs=false",
				"-tags", tags, "-ldflags", flags, "-o", dir+"/", pkg)
			return err
		}
		// runc needs C for the namespaces it enters before Go starts.
		if err := build("1", "osusergo netgo", "-s -w -extldflags -static", "github.com/opencontainers/runc"); err != nil {
			return err
		}
		return build("0", "", "-s -w -X github.com/moby/moby/v2/dockerversion.Version=29-newest", "github.com/moby/moby/v2/cmd/dockerd")
	})
}

// withNewest puts them into a host, ahead of the suite's own in the PATH.
func (h *Host) withNewest(ctx context.Context, root *os.Root, o Options) error {
	if !o.Newest {
		return nil
	}
	dir, err := h.cache.newest(ctx)
	if err != nil {
		return err
	}
	for _, name := range []string{"dockerd", "runc"} {
		if err := copyInto(root, filepath.Join(dir, name), "usr/local/bin/"+name); err != nil {
			return err
		}
	}
	return writeFile(root, "etc/systemd/system/docker.service.d/10-newest.conf", File{Content: newestDropIn})
}
