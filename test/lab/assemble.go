package lab

import (
	"context"
	"maps"
	"os"
	"path/filepath"
	"slices"
)

// productPath is the path of the product in a host.
const productPath = "/usr/local/bin/runsc-provisioner"

// assemble makes the host's root: an overlay over the pristine one, with the
// lab's own files.
func (h *Host) assemble(ctx context.Context, o Options) error {
	lower, err := h.cache.Root(ctx, o.Suite)
	if err != nil {
		return err
	}
	tree, err := h.cache.Releases(ctx)
	if err != nil {
		return err
	}
	for _, d := range []string{"upper", "work", "root", "docker", "containerd"} {
		if err := os.Mkdir(filepath.Join(h.dir, d), 0o755); err != nil {
			return err
		}
	}
	h.tree = tree
	if err := mountOverlay(lower, filepath.Join(h.dir, "upper"), filepath.Join(h.dir, "work"), h.rootDir()); err != nil {
		return err
	}
	// os.Root keeps the host's absolute symlinks from leading to the machine.
	root, err := os.OpenRoot(h.rootDir())
	if err != nil {
		return err
	}
	defer root.Close()

	files, err := h.files(ctx, root, o)
	if err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if err := writeFile(root, name[1:], files[name]); err != nil {
			return err
		}
	}
	for _, link := range disabled(o.Docker) {
		if err := root.Remove("etc/systemd/system/" + link); err != nil {
			return err
		}
	}
	wants := "etc/systemd/system/multi-user.target.wants/" + releasesUnit
	if err := root.Symlink("../"+releasesUnit, wants); err != nil {
		return err
	}
	for _, dir := range []string{"var/lib/docker", "var/lib/containerd", releasesDir[1:]} {
		if err := root.MkdirAll(dir, 0o711); err != nil {
			return err
		}
	}
	if err := h.withDebian(ctx, root, o); err != nil {
		return err
	}
	if err := h.withEngine(ctx, root, o); err != nil {
		return err
	}
	return h.install(ctx, root, o)
}

func (h *Host) rootDir() string { return filepath.Join(h.dir, "root") }

// install puts the release server and the product into the host.
func (h *Host) install(ctx context.Context, root *os.Root, o Options) error {
	server := filepath.Join(h.dir, "releases-server")
	wanted := map[string]string{"./test/lab/cmd/releases": server}
	product := o.Binary
	if product == "" {
		product = filepath.Join(h.dir, "runsc-provisioner")
		wanted["./cmd/runsc-provisioner"] = product
	}
	if err := h.cache.programs(ctx, wanted); err != nil {
		return err
	}
	if err := copyInto(root, server, labDir[1:]+"/releases"); err != nil {
		return err
	}
	if product == NoBinary {
		return nil
	}
	return copyInto(root, product, productPath[1:])
}

// disabled returns the enablement links to remove for the requested state of
// Docker.
func disabled(d Docker) []string {
	switch d {
	case DockerOnDemand:
		return []string{"multi-user.target.wants/docker.service"}
	case DockerStopped:
		return []string{"multi-user.target.wants/docker.service", "sockets.target.wants/docker.socket"}
	default:
		return nil
	}
}
