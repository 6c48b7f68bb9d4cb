package lab

import (
	"context"
	"crypto/sha512"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
)

// A layout is one of the two forms in which gVisor publishes a release, or the
// bundle without the zstd archive.
type layout int

const (
	bundle layout = iota
	bundleBzip2
	loose
)

// published is a release in the lab's bucket.
type published struct {
	label  string // as the binaries report it; empty: Debian's package
	layout layout
	paths  []string // below the root of the tree, without the architecture
}

// bucket lists what the lab's release server has. A date alone names the latest
// point release of that date; `latest` names the newest.
func bucket() []published {
	return []published{
		{"release-20260914.0", bundle, []string{"release/20260914.0", "release/20260914", "release/latest"}},
		{"release-20260907.0", bundle, []string{"release/20260907.0", "release/20260907"}},
		{"release-20260831.0", bundleBzip2, []string{"release/20260831.0", "release/20260831"}},
		{"release-20260817.0", loose, []string{"release/20260817.0", "release/20260817"}},
		{"", loose, []string{"release/20240729.0", "release/20240729"}},
		{"release-20260915.0", bundle, []string{"nightly/2026-09-15", "nightly/latest"}},
	}
}

// Arch returns the machine's architecture as the bucket names it.
func Arch() string {
	switch runtime.GOARCH {
	case "amd64":
		return "x86_64"
	case "arm64":
		return "aarch64"
	default:
		return runtime.GOARCH
	}
}

// Releases returns a directory laid out like releases/ in gVisor's bucket. Do
// not write to it: files with equal content are hard links.
func (c *Cache) Releases(ctx context.Context) (string, error) {
	recipe := "1 " + Arch()
	for _, p := range bucket() {
		recipe += fmt.Sprintf("\n%+v", p)
	}
	// Find the binaries first: their keys are part of this recipe.
	sources := map[string]string{}
	for _, p := range bucket() {
		var dir string
		var err error
		if p.label == "" {
			dir, err = c.debianRunsc(ctx)
		} else {
			dir, err = c.gvisor(ctx, p.label)
		}
		if err != nil {
			return "", err
		}
		sources[p.label] = dir
		recipe += "\n" + strings.TrimPrefix(dir, c.dir)
	}
	return c.artefact(ctx, "releases", recipe, func(ctx context.Context, dir string) error {
		errs := make([]error, len(bucket()))
		var wg sync.WaitGroup
		for i, p := range bucket() {
			wg.Go(func() { errs[i] = publish(ctx, p, sources[p.label], dir) })
		}
		wg.Wait()
		return errors.Join(errs...)
	})
}

// publish puts one release, made from the binaries in source, at all its paths.
func publish(ctx context.Context, p published, source, tree string) error {
	first := filepath.Join(tree, p.paths[0], Arch())
	if err := os.MkdirAll(first, 0o755); err != nil {
		return err
	}
	var err error
	switch p.layout {
	case loose:
		err = linkAll(source, first, "runsc", "containerd-shim-runsc-v1")
	case bundleBzip2:
		err = pack(ctx, source, first, "gvisor.tar.bz2")
	default:
		err = pack(ctx, source, first, "gvisor.tar.zstd", "gvisor.tar.bz2")
	}
	if err != nil {
		return err
	}
	artifacts, err := filepath.Glob(filepath.Join(first, "*"))
	if err != nil {
		return err
	}
	var names []string
	for _, path := range artifacts {
		if err := writeSum(path); err != nil {
			return err
		}
		names = append(names, filepath.Base(path), filepath.Base(path)+".sha512")
	}
	for _, path := range p.paths[1:] {
		other := filepath.Join(tree, path, Arch())
		if err := os.MkdirAll(other, 0o755); err != nil {
			return err
		}
		if err := linkAll(first, other, names...); err != nil {
			return err
		}
	}
	return nil
}

// pack writes the bundles of a release, laid out as gVisor publishes them. The
// compression levels are low: higher ones would only cost time here, and
// unpacking takes the same.
func pack(ctx context.Context, source, target string, names ...string) error {
	for _, name := range names {
		compress := "zstd -3"
		if filepath.Ext(name) == ".bz2" {
			compress = "bzip2 -1"
		}
		_, err := toolRun(ctx, source, nil, "tar", "--create", "--file="+filepath.Join(target, name),
			"--use-compress-program="+compress, "--owner=0", "--group=0", "--numeric-owner",
			"runsc", "containerd-shim-runsc-v1", "gvisor-bin/gvisor_sentry")
		if err != nil {
			return err
		}
	}
	return nil
}

// linkAll links those of the named files that exist: Debian's package has no
// shim.
func linkAll(source, target string, names ...string) error {
	for _, name := range names {
		err := os.Link(filepath.Join(source, name), filepath.Join(target, name))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// writeSum writes PATH.sha512 like the bucket: digest, two blanks, base name,
// newline.
func writeSum(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	sum := sha512.New()
	if _, err := io.Copy(sum, f); err != nil {
		return fmt.Errorf("digest %s: %w", path, err)
	}
	return os.WriteFile(path+".sha512", fmt.Appendf(nil, "%x  %s\n", sum.Sum(nil), filepath.Base(path)), 0o644)
}
