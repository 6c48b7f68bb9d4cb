package release

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha512"
	"errors"
	"fmt"
	"io"
	"net/url"
	"path/filepath"
	"slices"
	"time"

	"runsc-provisioner/provision/apt"
	"runsc-provisioner/provision/download"
)

// TrustSigned is the kind of trust that Signed gives.
const TrustSigned = "signed"

// Signed is the Source that trusts what gVisor's archive key has signed. gVisor's bucket is an apt repository: the
// InRelease file of a suite is signed and leads, by digests, to a Debian package with the programs. What the package
// would run is never run.
type Signed struct {
	Download
	Keys Keys
	// Seen is what this host has seen of indexes, by their URLs.
	Seen map[string]Seen
	// AllowDowngrade accepts an index that is older than one that was seen, or has an older release.
	AllowDowngrade bool
	Now            func() time.Time // nil: time.Now
}

// Seen is the newest that a host has seen of an index.
type Seen struct {
	Date    time.Time `json:"date"`    // of the index
	Version string    `json:"version"` // the newest release in it; "" if that was not asked for
}

// The files that are kept beside a package: they prove its origin without a network.
const (
	proofIndex = "InRelease"
	proofKey   = "archive.key"
)

const (
	debName     = "runsc.deb"
	packageName = "runsc"
	// signedTries is how often an index is read that changes meanwhile.
	signedTries = 3
	// maxFuture is how far the clock of this host may be behind that of the repository.
	maxFuture = time.Hour
)

// debArch are dpkg's names of architectures.
var debArch = map[string]string{"x86_64": "amd64", "aarch64": "arm64"}

// Fetch implements Source.
func (s *Signed) Fetch(ctx context.Context, spec Spec, into string) (Fetched, error) {
	if err := spec.Validate(); err != nil {
		return Fetched{}, err
	}
	base, err := spec.base()
	if err != nil {
		return Fetched{}, err
	}
	d, end := s.downloader(base, spec)
	defer end()
	f := &signedFetch{Signed: s, d: d, base: base, spec: spec, now: time.Now()}
	if s.Now != nil {
		f.now = s.Now()
	}
	if err := f.find(ctx); err != nil {
		return Fetched{}, err
	}
	deb := artifact{name: debName, url: base.JoinPath(f.deb.Path), sum: f.deb.SHA512}
	if err := spec.pin(deb.name, deb.sum); err != nil {
		return Fetched{}, newRefused("fetch", download.WithoutSecrets(deb.url), err)
	}
	origin := &Origin{Signer: string(f.signer), URL: download.WithoutSecrets(f.indexURL()), Index: Seen{f.index.Date, f.newest}, Key: f.key}
	if name, found := s.present([]artifact{deb}, spec, TrustSigned); found {
		return Fetched{}, &PresentError{Release: name, Origin: origin}
	}
	if err := s.consider(Offer{Release: f.chosen, Date: f.index.Date}, deb); err != nil {
		return Fetched{}, err
	}
	d.limits.ArtifactBytes = min(d.limits.ArtifactBytes, f.deb.Size)
	kept, files, err := d.fetchAndUnpack(ctx, deb, into)
	if err != nil {
		return Fetched{}, refusedIfAbsent(err, deb.url, "although it is in a signed index")
	}
	if kept.Size != f.deb.Size {
		return Fetched{}, newRefused("fetch", download.WithoutSecrets(deb.url), fmt.Errorf("it has %d bytes, its index says %d", kept.Size, f.deb.Size))
	}
	origin.Proof, err = f.keepProof(into)
	return Fetched{URL: origin.URL, Trust: TrustSigned, Archives: []Archive{kept}, Files: files, Origin: origin, Release: f.chosen}, err
}

// signedFetch is one run of Signed.Fetch.
type signedFetch struct {
	*Signed
	d    *downloader
	base *url.URL
	spec Spec
	now  time.Time

	key       []byte // the file with the key
	inRelease []byte // as it was fetched
	packages  []byte // likewise, perhaps compressed
	listed    string // the path of packages below the suite
	index     apt.Release
	signer    apt.Fingerprint
	newest    string // the newest release that the index has
	chosen    string // the one that is asked for
	deb       apt.File
}

// suiteOf is the suite of the repository with a version. A point release is in that of its date.
func (s Spec) suiteOf() (string, error) {
	if s.Version == latest {
		return s.Channel, nil
	}
	label, err := ParseLabel(s.Version)
	if err != nil || s.Channel != ChannelRelease {
		return "", &SpecError{"version", s.Version, "is in no suite of the signed repository, which has the last one of channel " + s.Channel + " only: use latest, or trust checksum"}
	}
	return label.date, nil
}

func (f *signedFetch) dists() *url.URL {
	suite, _ := f.spec.suiteOf() // Validate has checked it
	return f.base.JoinPath("dists", suite)
}

func (f *signedFetch) indexURL() *url.URL { return f.dists().JoinPath(proofIndex) }

// find finds the package of the release that is asked for. The server may change its index in the middle: then the
// digest of what it leads to is wrong once.
func (f *signedFetch) find(ctx context.Context) error {
	for tries := 1; ; tries++ {
		before := f.inRelease
		if err := f.readIndex(ctx); err != nil {
			return err
		}
		err := f.readPackages(ctx)
		var changed *changedError
		if !errors.As(err, &changed) {
			return err
		}
		if tries == signedTries || bytes.Equal(before, f.inRelease) {
			return newRefused("fetch", download.WithoutSecrets(f.dists().JoinPath(f.listed)), changed.error)
		}
	}
}

// changedError means that a file is not the one that its index lists.
type changedError struct{ error }

// readIndex fetches the index and checks its signature, its suite and its age.
func (f *signedFetch) readIndex(ctx context.Context) error {
	at := f.indexURL()
	refuse := func(format string, args ...any) error {
		return newRefused("fetch", download.WithoutSecrets(at), fmt.Errorf(format, args...))
	}
	var text download.Buffer
	if _, err := f.d.Fetch(ctx, at, apt.MaxInRelease, &text); err != nil {
		return refusedIfAbsent(err, at, "there is no such suite")
	}
	f.inRelease = text.Bytes()
	signed, err := f.verify(ctx)
	if err != nil {
		return err
	}
	if f.index, err = apt.ParseRelease(signed); err != nil {
		return refuse("%w", err)
	}
	suite, _ := f.spec.suiteOf()
	seen := f.Seen[download.WithoutSecrets(at)]
	switch {
	case f.index.Suite != suite && f.index.Codename != suite:
		return refuse("it is of suite %.60q, not %q", f.index.Suite, suite)
	case f.index.Date.After(f.now.Add(maxFuture)):
		return refuse("it is from %s, which is in the future: check the clock of this host", f.index.Date.Format(time.RFC3339))
	case !f.index.ValidUntil.IsZero() && f.now.After(f.index.ValidUntil):
		return refuse("it was valid until %s", f.index.ValidUntil.Format(time.RFC3339))
	case f.spec.Version == latest && f.spec.Signing.MaxAge > 0 && f.now.Sub(f.index.Date) > f.spec.Signing.MaxAge:
		return refuse("it is from %s, older than the %s that release.max_index_age allows", f.index.Date.Format(time.RFC3339), f.spec.Signing.MaxAge)
	case f.index.Date.Before(seen.Date) && !f.AllowDowngrade:
		return refuse("it is from %s, and this host has seen one from %s: an old copy (--allow-downgrade accepts it)", f.index.Date.Format(time.RFC3339), seen.Date.Format(time.RFC3339))
	}
	return nil
}

// readPackages fetches the list of packages, and finds the release that is asked for in it.
func (f *signedFetch) readPackages(ctx context.Context) error {
	arch := debArch[f.spec.Arch]
	for _, name := range []string{"Packages.gz", "Packages"} {
		f.listed = "main/binary-" + arch + "/" + name
		file, has := f.index.File(f.listed)
		if !has {
			continue
		}
		at := f.dists().JoinPath(f.listed)
		var text download.Buffer
		sum, err := f.d.Fetch(ctx, at, apt.MaxPackages, &text)
		if err != nil {
			return refusedIfAbsent(err, at, "although it is in a signed index")
		}
		if sum != file.SHA512 || int64(text.Len()) != file.Size {
			return &changedError{mismatch(sum, file.SHA512)}
		}
		f.packages = text.Bytes()
		all, err := parsePackages(f.packages, name, arch)
		if err == nil {
			err = f.choose(all)
		}
		if err != nil {
			return newRefused("fetch", download.WithoutSecrets(at), err)
		}
		return nil
	}
	return newRefused("fetch", download.WithoutSecrets(f.indexURL()), fmt.Errorf("it lists no packages for %s", arch))
}

func parsePackages(text []byte, name, arch string) ([]apt.Package, error) {
	var plain io.Reader = bytes.NewReader(text)
	if filepath.Ext(name) == ".gz" {
		unpacked, err := gzip.NewReader(plain)
		if err != nil {
			return nil, err
		}
		plain = unpacked
	}
	return apt.ParsePackages(plain, packageName, arch)
}

// choose takes the newest release that is asked for. An index that has lost its newest one is refused.
func (f *signedFetch) choose(all []apt.Package) error {
	var chosen, newest Label
	var has []string
	for _, p := range all {
		label, err := ParseLabel(p.Version)
		if err != nil {
			continue
		}
		has = append(has, p.Version)
		if newest == (Label{}) || label.Compare(newest) > 0 {
			newest, f.newest = label, p.Version
		}
		if label.Satisfies(f.spec.Version) && (chosen == (Label{}) || label.Compare(chosen) > 0) {
			chosen, f.chosen, f.deb = label, p.Version, p.Deb
		}
	}
	if chosen == (Label{}) {
		return fmt.Errorf("it has no package %s %s; it has %.300s", packageName, f.spec.Version, joined(has))
	}
	seen, err := ParseLabel(f.Seen[download.WithoutSecrets(f.indexURL())].Version)
	if err == nil && newest.Compare(seen) < 0 && !f.AllowDowngrade {
		return fmt.Errorf("its newest release is %s, and this host has seen %s there (--allow-downgrade accepts it)", newest, seen)
	}
	return nil
}

func joined(words []string) string {
	if len(words) == 0 {
		return "none"
	}
	return fmt.Sprint(slices.Sorted(slices.Values(words)))
}

// keepProof keeps what proves the origin of the package.
func (f *signedFetch) keepProof(into string) ([]Archive, error) {
	var kept []Archive
	for _, file := range []struct {
		name string
		text []byte
	}{{proofIndex, f.inRelease}, {filepath.Base(f.listed), f.packages}, {proofKey, f.key}} {
		k, err := createKept(filepath.Join(into, archiveDir, file.name), 1)
		if err != nil {
			return nil, err
		}
		_, err = k.Write(file.text)
		if err = errors.Join(err, k.finish()); err != nil {
			return nil, err
		}
		sum := download.Digest(sha512.Sum512(file.text))
		kept = append(kept, Archive{Name: file.name, Size: int64(len(file.text)), SHA512: sum.String()})
	}
	return kept, nil
}

// refusedIfAbsent turns the error for a missing file into a *RefusedError.
func refusedIfAbsent(err error, at *url.URL, reason string) error {
	var absent *download.AbsentError
	if errors.As(err, &absent) {
		return newRefused("fetch", download.WithoutSecrets(at), errors.New(absent.Status+", "+reason))
	}
	return err
}
