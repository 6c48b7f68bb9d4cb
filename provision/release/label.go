package release

import (
	"cmp"
	"fmt"
	"strconv"
	"time"

	"github.com/hashicorp/go-version"

	"runsc-provisioner/pattern"
)

// Label is a release's own name, as `runsc --version` prints it. Its directory
// has the same name.
type Label struct {
	date    string // YYYYMMDD
	point   int
	pointed bool   // it has a point release, even .0
	commits int    // after the tag, of nightly and master
	commit  string // abbreviated, with commits
}

// labelPattern matches the tags of gVisor (runsc/config IsReleaseVersion), the
// output of git-describe for a later commit, and Debian's versions.
var labelPattern = pattern.Lazy(`^(?:(?:release|g[a-z]{0,20})-|0\.0~)?(\d{8})(?:\.(\d{1,6}))?(?:-(\d{1,6})-g([0-9a-f]{3,40}))?$`)

// ParseLabel reads a label with or without its prefix.
func ParseLabel(text string) (Label, error) {
	m := labelPattern().FindStringSubmatch(text)
	if m == nil {
		return Label{}, fmt.Errorf("%q is not a release like 20260914.0", text)
	}
	l := Label{date: m[1], pointed: m[2] != "", commit: m[4]}
	// At most six digits each: only an absent, empty part is an error.
	l.point, _ = strconv.Atoi(m[2])
	l.commits, _ = strconv.Atoi(m[3])
	return l, nil
}

// String is the label without prefix: the name of the release's directory.
func (l Label) String() string {
	s := l.date
	if l.pointed {
		s += "." + strconv.Itoa(l.point)
	}
	if l.commit != "" {
		s += fmt.Sprintf("-%d-g%s", l.commits, l.commit)
	}
	return s
}

// Date returns the day in the label, at midnight UTC, or the zero time if there
// is no such day.
func (l Label) Date() time.Time {
	day, _ := time.Parse("20060102", l.date)
	return day
}

// Compare returns -1 if l is older than m, 1 if it is newer. Different labels
// of the same age compare by their text.
func (l Label) Compare(m Label) int {
	return cmp.Or(l.version().Compare(m.version()), cmp.Compare(l.String(), m.String()))
}

// version makes the commits after a tag the last part of the version: go-version
// would take `20260907.0-13-gabc` for a pre-release, older than the tag.
func (l Label) version() *version.Version {
	return version.Must(version.NewVersion(fmt.Sprintf("%s.%d.%d", l.date, l.point, l.commits)))
}

// Satisfies reports whether the release l is one that version asks for: latest
// asks for any, a date for each point release of that day, a name for one.
func (l Label) Satisfies(version string) bool {
	if version == latest {
		return true
	}
	asked, err := ParseLabel(version)
	switch {
	case err != nil:
		return false
	case !asked.pointed && asked.commit == "":
		return l.date == asked.date && l.commit == ""
	default:
		return l == asked
	}
}

// mayComeFrom reports whether the release l may be what the source has under spec. The
// label of a nightly build does not have its date.
func (l Label) mayComeFrom(spec Spec) bool {
	if spec.Source == SourceSystem {
		return l.Satisfies(spec.Version)
	}
	if spec.Channel != ChannelRelease {
		return true
	}
	return l.Satisfies(spec.Version) && l.commit == ""
}
