package lab

import (
	"archive/tar"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Image is the name of the one image that a host has.
const Image = "busybox:lab"

// image makes rootfs.tar for `docker import`: busybox with a link for each of
// its applets.
func (c *Cache) image(ctx context.Context) (string, error) {
	return c.artefact(ctx, "image", "1", func(ctx context.Context, dir string) error {
		busybox, err := exec.LookPath("busybox")
		if err != nil {
			return err
		}
		applets, err := toolRun(ctx, "", nil, busybox, "--list")
		if err != nil {
			return err
		}
		f, err := os.Create(filepath.Join(dir, "rootfs.tar"))
		if err != nil {
			return err
		}
		defer f.Close()
		if err := writeImage(f, busybox, strings.Fields(applets)); err != nil {
			return err
		}
		return f.Close()
	})
}

func writeImage(w io.Writer, busybox string, applets []string) error {
	binary, err := os.ReadFile(busybox)
	if err != nil {
		return err
	}
	const passwd = "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n"
	entries := []struct {
		header tar.Header
		body   string
	}{
		{tar.Header{Name: "bin/", Typeflag: tar.TypeDir, Mode: 0o755}, ""},
		{tar.Header{Name: "etc/", Typeflag: tar.TypeDir, Mode: 0o755}, ""},
		{tar.Header{Name: "root/", Typeflag: tar.TypeDir, Mode: 0o700}, ""},
		{tar.Header{Name: "tmp/", Typeflag: tar.TypeDir, Mode: 0o1777}, ""},
		{tar.Header{Name: "etc/passwd", Typeflag: tar.TypeReg, Mode: 0o644}, passwd},
		{tar.Header{Name: "bin/busybox", Typeflag: tar.TypeReg, Mode: 0o755}, string(binary)},
	}
	tw := tar.NewWriter(w)
	for _, e := range entries {
		e.header.Size = int64(len(e.body))
		if err := tw.WriteHeader(&e.header); err != nil {
			return err
		}
		if _, err := io.WriteString(tw, e.body); err != nil {
			return err
		}
	}
	for _, applet := range applets {
		if applet == "busybox" {
			continue
		}
		link := tar.Header{Name: "bin/" + applet, Typeflag: tar.TypeSymlink, Linkname: "busybox", Mode: 0o777}
		if err := tw.WriteHeader(&link); err != nil {
			return err
		}
	}
	return tw.Close()
}

// LoadImage imports the busybox image as Image. Boot does so if Docker runs.
// Call it again after dockerd got another data root.
func (h *Host) LoadImage(ctx context.Context) error {
	dir, err := h.cache.image(ctx)
	if err != nil {
		return err
	}
	f, err := os.Open(filepath.Join(dir, "rootfs.tar"))
	if err != nil {
		return fmt.Errorf("load image: %w", err)
	}
	defer f.Close()
	r, err := h.RunWith(ctx, Command{Argv: []string{"docker", "import", "-", Image}, Stdin: f})
	if err != nil {
		return fmt.Errorf("load image: %w", err)
	}
	if r.Code != 0 {
		return fmt.Errorf("load image: %s", r)
	}
	return nil
}
