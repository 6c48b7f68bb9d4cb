package release

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"runsc-provisioner/provision/download"
)

// TrustTwoSources is the kind of trust that TwoSources gives.
const TrustTwoSources = "two-sources"

// GVisorMirror is where gVisor's own mirror of its releases is.
const GVisorMirror = "https://github.com/google/gvisor/releases"

// TwoSources is the Source that trusts a digest which two servers agree about: that of the archive, and a mirror that
// gVisor's authors fill from elsewhere. It shows that one of them was changed later. It does not prove origin.
type TwoSources struct{ Download }

const (
	mirroredArchive = "gvisor.tar.bz2" // the mirror has no other
	mirrorSums      = "SHA512SUMS"
	maxMirrorSums   = 64 << 10
	// maxPoints is how many point releases of a date are looked for.
	maxPoints = 20
)

// mirrorHosts are where GitHub has the files of releases.
var mirrorHosts = []string{"objects.githubusercontent.com", "release-assets.githubusercontent.com"}

// Fetch implements Source.
func (s *TwoSources) Fetch(ctx context.Context, spec Spec, into string) (Fetched, error) {
	if err := spec.Validate(); err != nil {
		return Fetched{}, err
	}
	at, err := spec.directory()
	if err != nil {
		return Fetched{}, err
	}
	d, end := s.downloader(at, spec)
	defer end()
	a, err := d.digestOf(ctx, at.JoinPath(mirroredArchive), spec)
	if err != nil {
		return Fetched{}, refusedIfAbsent(err, at.JoinPath(mirroredArchive), "and the mirror has no other form of a release")
	}
	if name, found := s.present([]artifact{a}, spec, TrustTwoSources); found {
		return Fetched{}, &PresentError{Release: name}
	}
	if err := s.compare(ctx, spec, a); err != nil {
		return Fetched{}, err
	}
	if err := s.consider(Offer{}, a); err != nil {
		return Fetched{}, err
	}
	kept, files, err := d.fetchAndUnpack(ctx, a, into)
	if err != nil {
		return Fetched{}, refusedIfAbsent(err, a.url, "although its digest exists")
	}
	return Fetched{URL: download.WithoutSecrets(at), Trust: TrustTwoSources, Archives: []Archive{kept}, Files: files}, nil
}

// compare checks that the mirror has the digest of an archive, for the release that is asked for.
func (s *TwoSources) compare(ctx context.Context, spec Spec, a artifact) error {
	base, err := url.Parse(spec.Mirror)
	if err != nil {
		return &SpecError{"mirror_url", "", "is not a URL"}
	}
	spec.RedirectHosts = slices.Concat(spec.RedirectHosts, mirrorHosts)
	d, end := s.quiet().downloader(base, spec)
	defer end()
	var last error
	for _, path := range spec.mirrorPaths() {
		at := base.JoinPath(path, mirrorSums)
		var text download.Buffer
		_, err := d.Fetch(ctx, at, maxMirrorSums, &text)
		var absent *download.AbsentError
		if errors.As(err, &absent) && last != nil {
			return last
		}
		if err != nil {
			return refusedIfAbsent(err, at, "the mirror does not have this release, perhaps not yet")
		}
		sum, err := digestIn(text.String(), "gvisor-"+spec.Arch+".tar.bz2")
		if err == nil && sum == a.sum {
			return nil
		}
		if err == nil {
			err = fmt.Errorf("it has sha512 %s, and %s has %s: one of them was changed, or has a newer release already", sum, download.WithoutSecrets(a.url), a.sum)
		}
		last = newRefused("check", download.WithoutSecrets(at), err)
	}
	return last
}

// mirrorPaths are where the mirror may have the release. Of a date, the newest point release is asked for.
func (s Spec) mirrorPaths() []string {
	switch {
	case s.Version == latest:
		return []string{"latest/download"}
	case s.Exact():
		return []string{"download/release-" + s.Version}
	}
	var paths []string
	for point := range maxPoints {
		paths = append(paths, fmt.Sprintf("download/release-%s.%d", s.Version, point))
	}
	return paths
}

// digestIn finds the digest of a file in the output of sha512sum(1).
func digestIn(sums, name string) (download.Digest, error) {
	var found []string
	for line := range strings.Lines(sums) {
		if sum, named, ok := strings.Cut(strings.TrimSuffix(line, "\n"), "  "); ok && named == name {
			found = append(found, sum)
		}
	}
	if len(found) != 1 {
		return download.Digest{}, fmt.Errorf("it has %d digests of %s, want 1", len(found), name)
	}
	return download.ParseDigest(found[0])
}
