package release

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"slices"
	"strings"

	"runsc-provisioner/provision/archive"
	"runsc-provisioner/provision/download"
)

// TrustChecksum is the kind of trust that Checksum gives.
const TrustChecksum = "checksum"

// Checksum is the Source that trusts the digest beside an artifact. Both come
// from one server, so it proves integrity, not origin.
type Checksum struct{ Download }

// layouts are the forms in which gVisor publishes a release, the preferred one
// first: bundles since 20260824, loose files before. The first file of each is
// required.
var layouts = [][]string{
	{"gvisor.tar.zstd"},
	{"gvisor.tar.bz2"},
	{"runsc", "containerd-shim-runsc-v1"},
}

// isBundle tells an archive from a loose program.
func isBundle(name string) bool { return strings.Contains(name, ".tar.") || archive.IsDeb(name) }

// artifact is a file of a release, with the digest it must have.
type artifact struct {
	name string
	url  *url.URL
	sum  download.Digest
}

// Fetch implements Source.
func (c *Checksum) Fetch(ctx context.Context, spec Spec, into string) (Fetched, error) {
	if err := spec.Validate(); err != nil {
		return Fetched{}, err
	}
	at, err := spec.directory()
	if err != nil {
		return Fetched{}, err
	}
	d, end := c.downloader(at, spec)
	defer end()
	artifacts, err := d.resolve(ctx, at, spec)
	if err != nil {
		return Fetched{}, err
	}
	if name, found := c.present(artifacts, spec, TrustChecksum); found {
		return Fetched{}, &PresentError{Release: name}
	}
	if err := c.consider(Offer{}, artifacts...); err != nil {
		return Fetched{}, err
	}
	fetched := Fetched{URL: download.WithoutSecrets(at), Trust: TrustChecksum}
	for _, a := range artifacts {
		archive, files, err := d.fetchAndUnpack(ctx, a, into)
		err = refusedIfAbsent(err, a.url, "although its digest exists")
		if err != nil {
			return Fetched{}, err
		}
		fetched.Archives = append(fetched.Archives, archive)
		fetched.Files = append(fetched.Files, files...)
	}
	return fetched, nil
}

// resolve finds the layout in which the release at u is published. It tries the
// next one only after a clean "not found".
func (d *downloader) resolve(ctx context.Context, u *url.URL, spec Spec) ([]artifact, error) {
	var tried []string
	var last *download.AbsentError
	for _, names := range layouts {
		first, err := d.digestOf(ctx, u.JoinPath(names[0]), spec)
		if errors.As(err, &last) {
			tried = append(tried, names[0])
			continue
		}
		if err != nil {
			return nil, err
		}
		artifacts := []artifact{first}
		for _, name := range names[1:] {
			next, err := d.digestOf(ctx, u.JoinPath(name), spec)
			if errors.As(err, &last) {
				continue // Docker starts runsc by its path, without a shim.
			}
			if err != nil {
				return nil, err
			}
			artifacts = append(artifacts, next)
		}
		return artifacts, nil
	}
	return nil, newRefused("fetch", download.WithoutSecrets(u), fmt.Errorf("no release found: %s for each of %s", last.Status, strings.Join(tried, ", ")))
}

// digestOf fetches the digest of the artifact at u.
func (d *downloader) digestOf(ctx context.Context, u *url.URL, spec Spec) (artifact, error) {
	name := u.Path[strings.LastIndexByte(u.Path, '/')+1:]
	from := *u
	from.Path += ".sha512"
	var text download.Buffer
	if _, err := d.Fetch(ctx, &from, d.limits.ChecksumBytes, &text); err != nil {
		return artifact{}, err
	}
	sum, err := download.ParseChecksum(text.Bytes(), name)
	if err != nil {
		return artifact{}, newRefused("fetch", download.WithoutSecrets(&from), err)
	}
	if err := spec.pin(name, sum); err != nil {
		return artifact{}, newRefused("fetch", download.WithoutSecrets(u), err)
	}
	return artifact{name: name, url: u, sum: sum}, nil
}

// fetchAndUnpack downloads and unpacks one artifact.
func (d *downloader) fetchAndUnpack(ctx context.Context, a artifact, into string) (Archive, []File, error) {
	kept := filepath.Join(into, archiveDir, a.name)
	dir := filepath.Join(into, releaseDir)
	if !isBundle(a.name) {
		program, err := d.fetchProgram(ctx, a, kept)
		if err != nil {
			return Archive{}, nil, err
		}
		files, err := unpackKept(ctx, kept, program, a.sum, dir, d.limits)
		return program, files, err
	}
	bundle, files, err := d.fetchBundle(ctx, a, kept, dir)
	if err != nil {
		return Archive{}, nil, err
	}
	// gVisor had packages before it had sidecars.
	if !archive.IsDeb(a.name) && !slices.ContainsFunc(files, func(f File) bool {
		return filepath.Dir(f.Path) == sidecarDir && f.Mode == archive.ModeText(archive.ProgramMode)
	}) {
		return Archive{}, nil, newRefused("unpack", download.WithoutSecrets(a.url), errors.New("no program in "+sidecarDir+"/: sandboxes would not start"))
	}
	return bundle, files, nil
}
