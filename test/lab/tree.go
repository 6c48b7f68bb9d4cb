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
	"slices"
	"strings"
	"sync"
)

// A layout is a form in which gVisor has published releases.
type layout int

const (
	bundle layout = iota // zstd and bzip2
	bundleBzip2
	bundleZstd
	loose
	looseAndBzip2 // both at once
)

// A build is what a release is made of.
type build int

const (
	pinned       build = iota // the module that test/lab/gvisor pins, without the sidecars that it lacks
	withSidecars              // with stand-ins for them
	nextRunsc                 // with a stand-in for the next runsc, which rejects the flags to be removed
	debianRunsc               // Debian's package
)

// published is a release in the lab's bucket.
type published struct {
	label  string // as the binaries report it; empty: that of Debian's package
	build  build
	layout layout
	paths  []string // below the root of the tree, without the architecture
}

// NextRelease is a stand-in for a release after the removal of flags that gVisor
// has announced for 2027-01 (NextURL). Its runsc accepts no --vfs2, --fuse,
// --lisafs, --buffer-pooling and --cgroupfs, and no --sidecar-usage-policy=LEGACY_….
const NextRelease = "20270104.0"

// NextURL is the url of a bucket of its own, in which the latest release is
// NextRelease. The lab's bucket does not have it.
const NextURL = "https://releases.lab/gvisor/releases/next"

// bucket lists what the lab's release server has. A date alone names the latest
// point release of that date; `latest` names the newest.
func bucket() []published {
	return []published{
		{"release-20260914.0", pinned, bundle, []string{"release/20260914.0", "release/20260914", "release/latest"}},
		{"release-20260907.0", pinned, bundle, []string{"release/20260907.0", "release/20260907"}},
		{"release-20260831.0", pinned, bundleBzip2, []string{"release/20260831.0", "release/20260831"}},
		{"release-20260817.0", pinned, loose, []string{"release/20260817.0", "release/20260817"}},
		{"release-20260810.0", pinned, looseAndBzip2, []string{"release/20260810.0", "release/20260810"}},
		{"release-20260921.0", withSidecars, bundleZstd, []string{"release/20260921.0", "release/20260921"}},
		{"", debianRunsc, loose, []string{"release/20240729.0", "release/20240729"}},
		{"release-20260915.0", pinned, bundle, []string{"nightly/2026-09-15", "nightly/latest"}},
		{"release-" + NextRelease, nextRunsc, bundleZstd, []string{"next/release/" + NextRelease, "next/release/latest"}},
	}
}

// binaries returns the directory of the release's files.
func (c *Cache) binaries(ctx context.Context, p published) (string, error) {
	switch p.build {
	case withSidecars:
		return c.gvisorWithSidecars(ctx, p.label)
	case nextRunsc:
		return c.nextGvisor(ctx, p.label)
	case debianRunsc:
		return c.debianRunsc(ctx)
	default:
		return c.gvisor(ctx, p.label)
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
	recipe := "2 " + Arch()
	for _, p := range bucket() {
		recipe += fmt.Sprintf("\n%+v", p)
	}
	// Find the binaries first: their keys are part of this recipe.
	sources := map[string]string{}
	for _, p := range bucket() {
		dir, err := c.binaries(ctx, p)
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
	case looseAndBzip2:
		err = errors.Join(linkAll(source, first, "runsc", "containerd-shim-runsc-v1"), pack(ctx, p, source, first, "gvisor.tar.bz2"))
	case bundleBzip2:
		err = pack(ctx, p, source, first, "gvisor.tar.bz2")
	case bundleZstd:
		err = pack(ctx, p, source, first, "gvisor.tar.zstd")
	default:
		err = pack(ctx, p, source, first, "gvisor.tar.zstd", "gvisor.tar.bz2")
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
func pack(ctx context.Context, p published, source, target string, names ...string) error {
	files := runscFiles
	if p.build == withSidecars {
		for _, name := range standIns {
			files = append(slices.Clip(files), "gvisor-bin/"+name)
		}
	}
	for _, name := range names {
		compress := "zstd -3"
		if filepath.Ext(name) == ".bz2" {
			compress = "bzip2 -1"
		}
		tar := append([]string{"tar", "--create", "--file=" + filepath.Join(target, name),
			"--use-compress-program=" + compress, "--owner=0", "--group=0", "--numeric-owner"}, files...)
		_, err := toolRun(ctx, source, nil, tar...)
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
