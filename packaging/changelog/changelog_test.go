package changelog

import (
	"os"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var build = Build{
	Version: "0.2.0~git1", Date: time.Date(2026, 11, 30, 11, 15, 21, 0, time.FixedZone("", 3600)),
	Maintainer: "The maintainers <maintainers@example.org>",
}

func TestDebian_EachVersionIsAnEntry(t *testing.T) {
	const markdown = `# Changelog

## Unreleased

First words.

- ` + "`plan`" + ` shows what **apply** would do, and this item is long enough to be broken
  over two lines ([why](docs/trust.md)).

### What hosts do to us

- One more.

## 0.1.0 (2026-10-01)

- Older.
`
	const want = `runsc-provisioner (0.2.0~git1) unstable; urgency=medium

  * First words.
  * plan shows what apply would do, and this item is long enough to be broken
    over two lines (why).

  [ What hosts do to us ]
  * One more.

 -- The maintainers <maintainers@example.org>  Mon, 30 Nov 2026 10:15:21 +0000

runsc-provisioner (0.1.0) unstable; urgency=medium

  * Older.

 -- The maintainers <maintainers@example.org>  Thu, 01 Oct 2026 00:00:00 +0000
`
	got, err := Debian(markdown, build)
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v %s", err, diff)
	}
}

func TestDebian_RefusesWhatHasNoVersion(t *testing.T) {
	for name, markdown := range map[string]string{
		"no heading":            "# Changelog\n",
		"an old unnamed entry":  "## 0.2.0\n\n- x\n\n## Unreleased\n\n- y\n",
		"a date that is no day": "## 0.2.0\n\n- x\n\n## 0.1.0 (2026-13-01)\n\n- y\n",
	} {
		if got, err := Debian(markdown, build); err == nil {
			t.Errorf("%s: got %s, want an error", name, got)
		}
	}
}

func TestDebian_OurOwn(t *testing.T) {
	text, err := os.ReadFile("../../CHANGELOG.md")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Debian(string(text), build); err != nil {
		t.Error(err)
	}
}
