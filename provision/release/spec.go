package release

import (
	"fmt"
	"maps"
	"net/url"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"time"

	"runsc-provisioner/pattern"
	"runsc-provisioner/provision/apt"
	"runsc-provisioner/provision/download"
)

// Channels of gVisor's bucket (https://gvisor.dev/docs/user_guide/install/).
const (
	ChannelRelease = "release"
	ChannelNightly = "nightly"
	ChannelMaster  = "master"
)

// latest is the version that every channel has.
const latest = "latest"

// Spec names the release to install and its source.
type Spec struct {
	Source        string            // SourceGVisor, also if empty, or SourceSystem, for which only Version and Arch count
	URL           string            // base, https, or file for a mirror on this host
	Channel       string            // release, nightly or master
	Version       string            // latest, YYYYMMDD, YYYYMMDD.N; for nightly: YYYY-MM-DD
	Arch          string            // x86_64 or aarch64
	RedirectHosts []string          // host or host:port, in addition to the URL's own
	SHA512        map[string]string // pins: file name to 128 hex digits, checked in addition
	Trust         string            // TrustSigned, TrustTwoSources or TrustChecksum
	Signing       Signing           // with TrustSigned
	Mirror        string            // with TrustTwoSources: the https URL of the mirror
}

// Signing says which signatures count.
type Signing struct {
	Fingerprints []string // of the keys that may sign, 40 hexadecimal digits each
	KeyURL       string   // https, where their public keys are
	Keyring      string   // the path of a file with them, in place of KeyURL; "" for none
	// MaxAge is how old the index of latest may be; 0 is for ever. gVisor's do not say how long they are valid.
	MaxAge time.Duration
}

// Pinned are the fingerprints, parsed.
func (s Signing) Pinned() ([]apt.Fingerprint, error) {
	var pinned []apt.Fingerprint
	for _, text := range s.Fingerprints {
		f, err := apt.ParseFingerprint(text)
		if err != nil {
			return nil, err
		}
		pinned = append(pinned, f)
	}
	return pinned, nil
}

// validate returns a *SpecError if no signature could count.
func (s Signing) validate() error {
	pinned, err := s.Pinned()
	switch at, urlErr := url.Parse(s.KeyURL); {
	case err != nil:
		return &SpecError{"key_fingerprints", "", err.Error()}
	case len(pinned) == 0:
		return &SpecError{"key_fingerprints", "", "is empty, so nothing could be signed"}
	case s.Keyring != "" && !filepath.IsAbs(s.Keyring):
		return &SpecError{"keyring", s.Keyring, "is not an absolute path"}
	case s.Keyring == "" && (urlErr != nil || at.Scheme != "https" || at.Host == ""):
		return &SpecError{"key_url", "", "is not an https URL"}
	case s.MaxAge < 0:
		return &SpecError{"max_index_age", s.MaxAge.String(), "is negative"}
	}
	return nil
}

var (
	versionPatterns = map[string]func() *regexp.Regexp{
		ChannelRelease: pattern.Lazy(`^(latest|\d{8}(\.\d{1,6})?)$`),
		ChannelNightly: pattern.Lazy(`^(latest|\d{4}-\d{2}-\d{2})$`),
		ChannelMaster:  pattern.Lazy(`^latest$`),
	}
	hostPattern = pattern.Lazy(`^(\[[0-9a-fA-F:.]+\]|[0-9A-Za-z_.-]+)(:\d{1,5})?$`)
	namePattern = pattern.Lazy(`^[0-9A-Za-z_][0-9A-Za-z_.+-]*$`)
)

// Arch returns this machine's architecture as gVisor's bucket names it, or Go's
// name if gVisor is not built for it.
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

// Validate returns a *SpecError if the Spec is not valid.
func (s Spec) Validate() error {
	switch s.Source {
	case SourceSystem:
		return s.validateSystem()
	case SourceGVisor, "":
	default:
		return &SpecError{"source", s.Source, "is not one of gvisor, system"}
	}
	if _, err := s.base(); err != nil {
		return err
	}
	valid, ok := versionPatterns[s.Channel]
	if !ok {
		return &SpecError{"channel", s.Channel, "is not one of release, nightly, master"}
	}
	if !valid().MatchString(s.Version) {
		return &SpecError{"version", s.Version, versionReason(s)}
	}
	if s.Arch != "x86_64" && s.Arch != "aarch64" {
		return &SpecError{"arch", s.Arch, "is not one of x86_64, aarch64"}
	}
	for _, host := range s.RedirectHosts {
		if !hostPattern().MatchString(host) {
			return &SpecError{"redirect_hosts", host, "is not a host or host:port"}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(s.SHA512)) {
		if !namePattern().MatchString(name) {
			return &SpecError{"sha512", name, "is not a file name"}
		}
		if _, err := download.ParseDigest(s.SHA512[name]); err != nil {
			return &SpecError{"sha512", name, err.Error()}
		}
	}
	switch s.Trust {
	case TrustChecksum:
		return nil
	case TrustSigned:
		if _, err := s.suiteOf(); err != nil {
			return err
		}
		return s.Signing.validate()
	case TrustTwoSources:
		mirror, err := url.Parse(s.Mirror)
		if err != nil || mirror.Scheme != "https" || mirror.Host == "" {
			return &SpecError{"mirror_url", "", "is not an https URL"}
		}
		if s.Channel != ChannelRelease {
			return &SpecError{"channel", s.Channel, "has no mirror: use trust signed or checksum"}
		}
		return nil
	}
	return &SpecError{"trust", s.Trust, "is not one of signed, two-sources, checksum"}
}

// validateSystem is Validate for a package: its manager decides about all else.
func (s Spec) validateSystem() error {
	switch {
	case !versionPatterns[ChannelRelease]().MatchString(s.Version):
		return &SpecError{"version", s.Version, versionReason(Spec{Version: s.Version, Channel: ChannelRelease})}
	case len(s.SHA512) > 0:
		return &SpecError{"sha512", "", "pins downloads, and nothing is downloaded: pin the package in the package manager"}
	}
	return nil
}

// Exact reports whether the version names one release, and so its directory in
// a store.
func (s Spec) Exact() bool {
	label, err := ParseLabel(s.Version)
	return err == nil && label.pointed && label.String() == s.Version
}

func versionReason(s Spec) string {
	// The git tag has this prefix, the bucket's paths do not.
	if strings.HasPrefix(s.Version, "release-") {
		return "is a tag: leave out release-"
	}
	return "is not one of " + map[string]string{
		ChannelRelease: "latest, YYYYMMDD, YYYYMMDD.N",
		ChannelNightly: "latest, YYYY-MM-DD",
		ChannelMaster:  "latest",
	}[s.Channel]
}

func (s Spec) base() (*url.URL, error) {
	u, err := url.Parse(s.URL)
	if err != nil {
		// The error of net/url quotes the URL with its credentials.
		return nil, &SpecError{"url", "", "is not a URL"}
	}
	switch {
	case u.Scheme == "file" && u.Host == "" && filepath.IsAbs(u.Path) && u.RawQuery == "" && u.Fragment == "":
		return u, nil // a mirror on this host
	case u.Scheme != "https":
		return nil, &SpecError{"url", download.WithoutSecrets(u), "is not https (nor file:///DIRECTORY); without it, a checksum from the same server proves nothing"}
	case u.Host == "" || u.Opaque != "":
		return nil, &SpecError{"url", download.WithoutSecrets(u), "names no host"}
	case u.RawQuery != "" || u.Fragment != "":
		return nil, &SpecError{"url", download.WithoutSecrets(u), "has a query or fragment"}
	}
	return u, nil
}

// directory returns the URL of the release's files. s must be valid.
func (s Spec) directory() (*url.URL, error) {
	base, err := s.base()
	if err != nil {
		return nil, err
	}
	return base.JoinPath(s.Channel, s.Version, s.Arch), nil
}

// pin checks sum, of the file called name, against the pins. If there are pins,
// a file without one is refused: otherwise a server could get around them by
// offering another layout.
func (s Spec) pin(name string, sum download.Digest) error {
	if len(s.SHA512) == 0 {
		return nil
	}
	text, found := s.SHA512[name]
	if !found {
		return fmt.Errorf("has no pin, but other files have (%s)", strings.Join(slices.Sorted(maps.Keys(s.SHA512)), ", "))
	}
	want, err := download.ParseDigest(text)
	if err != nil {
		return err
	}
	if want != sum {
		return fmt.Errorf("sha512 %s, pinned %s", sum, want)
	}
	return nil
}
