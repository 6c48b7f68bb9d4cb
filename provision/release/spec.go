package release

import (
	"fmt"
	"maps"
	"net/url"
	"regexp"
	"runtime"
	"slices"
	"strings"
)

// Channels of gVisor's bucket (https://gvisor.dev/docs/user_guide/install/).
const (
	ChannelRelease = "release"
	ChannelNightly = "nightly"
	ChannelMaster  = "master"
)

// latest is the version every channel has.
const latest = "latest"

// Spec says which release is wanted and where it comes from.
type Spec struct {
	URL           string            // base, https only
	Channel       string            // release, nightly or master
	Version       string            // latest, YYYYMMDD, YYYYMMDD.N; of nightly: YYYY-MM-DD
	Arch          string            // x86_64 or aarch64
	RedirectHosts []string          // host or host:port, beside the URL's own
	SHA512        map[string]string // pins: file name to 128 hex digits, demanded on top
}

var (
	versionPatterns = map[string]*regexp.Regexp{
		ChannelRelease: regexp.MustCompile(`^(latest|\d{8}(\.\d{1,6})?)$`),
		ChannelNightly: regexp.MustCompile(`^(latest|\d{4}-\d{2}-\d{2})$`),
		ChannelMaster:  regexp.MustCompile(`^latest$`),
	}
	hostPattern = regexp.MustCompile(`^(\[[0-9a-fA-F:.]+\]|[0-9A-Za-z_.-]+)(:\d{1,5})?$`)
	namePattern = regexp.MustCompile(`^[0-9A-Za-z_][0-9A-Za-z_.+-]*$`)
)

// Arch is this machine's architecture as gVisor's bucket names it, or Go's
// name for one that gVisor is not built for.
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

// Validate gives a *SpecError for what cannot be asked for.
func (s Spec) Validate() error {
	if _, err := s.base(); err != nil {
		return err
	}
	pattern, known := versionPatterns[s.Channel]
	if !known {
		return &SpecError{"channel", s.Channel, "is not one of release, nightly, master"}
	}
	if !pattern.MatchString(s.Version) {
		return &SpecError{"version", s.Version, versionReason(s)}
	}
	if s.Arch != "x86_64" && s.Arch != "aarch64" {
		return &SpecError{"arch", s.Arch, "is not one of x86_64, aarch64"}
	}
	for _, host := range s.RedirectHosts {
		if !hostPattern.MatchString(host) {
			return &SpecError{"redirect_hosts", host, "is not a host or host:port"}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(s.SHA512)) {
		if !namePattern.MatchString(name) {
			return &SpecError{"sha512", name, "is not a file name"}
		}
		if _, err := ParseDigest(s.SHA512[name]); err != nil {
			return &SpecError{"sha512", name, err.Error()}
		}
	}
	return nil
}

// Exact is true of a version that names one release, and thereby its
// directory in a store.
func (s Spec) Exact() bool {
	label, err := ParseLabel(s.Version)
	return err == nil && label.pointed && label.String() == s.Version
}

func versionReason(s Spec) string {
	// The git tag has it, the bucket's paths have not.
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
		// The error of net/url quotes the address, credentials and all.
		return nil, &SpecError{"url", "", "is not a URL"}
	}
	switch {
	case u.Scheme != "https":
		return nil, &SpecError{"url", show(u), "is not https, and a checksum from the same place proves nothing without it"}
	case u.Host == "" || u.Opaque != "":
		return nil, &SpecError{"url", show(u), "names no host"}
	case u.RawQuery != "" || u.Fragment != "":
		return nil, &SpecError{"url", show(u), "has a query or fragment"}
	}
	return u, nil
}

// directory is where the release's files are. s is valid.
func (s Spec) directory() (*url.URL, error) {
	base, err := s.base()
	if err != nil {
		return nil, err
	}
	return base.JoinPath(s.Channel, s.Version, s.Arch), nil
}

// pin checks sum, of the file called name, against the pins. When there are
// any, a file without one is refused: else a server that offers another layout
// would get around them.
func (s Spec) pin(name string, sum Digest) error {
	if len(s.SHA512) == 0 {
		return nil
	}
	text, found := s.SHA512[name]
	if !found {
		return fmt.Errorf("not pinned, where others are (%s)", strings.Join(slices.Sorted(maps.Keys(s.SHA512)), ", "))
	}
	want, err := ParseDigest(text)
	if err != nil {
		return err
	}
	if want != sum {
		return fmt.Errorf("sha512 %s, pinned %s", sum, want)
	}
	return nil
}
