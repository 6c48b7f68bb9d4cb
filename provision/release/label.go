package release

import (
	"cmp"
	"fmt"
	"regexp"
	"strconv"
	"time"

	"github.com/hashicorp/go-version"
)

// Label is a release's own name, as `runsc --version` says it and as its
// directory is called.
type Label struct {
	date    string // YYYYMMDD
	point   int
	pointed bool   // a point release is said, if only .0
	commits int    // after the tag, of nightly and master
	commit  string // abbreviated, with commits
}

// labelPattern takes the tags of gVisor (runsc/config IsReleaseVersion), what
// git-describe makes of a commit after one, and Debian's version.
var labelPattern = regexp.MustCompile(`^(?:(?:release|g[a-z]{0,20})-|0\.0~)?(\d{8})(?:\.(\d{1,6}))?(?:-(\d{1,6})-g([0-9a-f]{3,40}))?$`)

// ParseLabel reads a label with or without its prefix.
func ParseLabel(text string) (Label, error) {
	m := labelPattern.FindStringSubmatch(text)
	if m == nil {
		return Label{}, fmt.Errorf("%q is not a release like 20260914.0", text)
	}
	l := Label{date: m[1], pointed: m[2] != "", commit: m[4]}
	// At most six digits each: an error is the empty text of what is absent.
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

// Date is the day that the label names, at midnight UTC; the zero time where
// there is no such day.
func (l Label) Date() time.Time {
	day, _ := time.Parse("20060102", l.date)
	return day
}

// Compare is -1 when l is older than m, 1 when it is newer. Labels that are
// as new as each other, but differ, are in the order of their text.
func (l Label) Compare(m Label) int {
	return cmp.Or(l.version().Compare(m.version()), cmp.Compare(l.String(), m.String()))
}

// version counts the commits after a tag as a part of their own: in
// `20260907.0-13-gabc` go-version sees a pre-release, older than the tag.
func (l Label) version() *version.Version {
	return version.Must(version.NewVersion(fmt.Sprintf("%s.%d.%d", l.date, l.point, l.commits)))
}

// Satisfies is true when a release called l is what is asked for by version:
// any by latest, each point release of a date by that date, one by its name.
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

// fits is true when a release called l may be what the source of spec has
// there. The date of a nightly build is not in its label.
func (l Label) fits(spec Spec) bool {
	if spec.Channel != ChannelRelease {
		return true
	}
	return l.Satisfies(spec.Version) && l.commit == ""
}
