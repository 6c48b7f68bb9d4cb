// Package changelog writes the changelogs of packages from CHANGELOG.md, so that there is one
// text: deb-changelog(5), and what nfpm reads for an rpm. It opens no file.
package changelog

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"
)

const (
	source = "runsc-provisioner"
	width  = 78 // of lines, in columns
)

// Build is the version that the changelog is of, with the date of its commit.
type Build struct {
	Version    string
	Date       time.Time
	Maintainer string // "NAME <ADDRESS>"
}

var (
	number = regexp.MustCompile(`[0-9]+(\.[0-9A-Za-z~+]+)+`)
	day    = regexp.MustCompile(`\b[0-9]{4}-[0-9]{2}-[0-9]{2}\b`)
	link   = regexp.MustCompile(`\[([^\]]*)\]\([^)]*\)`)
)

// entry is one version.
type entry struct {
	version string
	date    time.Time
	body    string
}

// Debian is the changelog for dpkg. Each heading "## VERSION (DATE)" begins an entry. The first
// one gets the version and date of the build.
func Debian(markdown string, b Build) (string, error) {
	entries, err := entriesOf(markdown, b)
	var out strings.Builder
	for i, e := range entries {
		if i > 0 {
			out.WriteString("\n")
		}
		fmt.Fprintf(&out, "%s (%s) unstable; urgency=medium\n\n%s\n -- %s  %s\n", source, e.version,
			strings.Join(items(e.body), ""), b.Maintainer, e.date.UTC().Format(time.RFC1123Z))
	}
	return out.String(), err
}

// RPM is the changelog as nfpm reads it for an rpm.
func RPM(markdown string, b Build) (string, error) {
	entries, err := entriesOf(markdown, b)
	var out strings.Builder
	for _, e := range entries {
		fmt.Fprintf(&out, "- semver: %q\n  date: %s\n  packager: %q\n  changes:\n",
			e.version, e.date.UTC().Format(time.RFC3339), b.Maintainer)
		for _, item := range items(e.body) {
			fmt.Fprintf(&out, "  - note: %q\n", strings.Trim(strings.Join(strings.Fields(item), " "), "* "))
		}
	}
	return out.String(), err
}

func entriesOf(markdown string, b Build) (entries []entry, err error) {
	for i, section := range strings.Split("\n"+markdown, "\n## ")[1:] {
		title, body, _ := strings.Cut(section, "\n")
		e := entry{b.Version, b.Date, body}
		if i > 0 {
			e.version = number.FindString(day.ReplaceAllString(title, ""))
			if found := day.FindString(title); found != "" {
				if e.date, err = time.Parse(time.DateOnly, found); err != nil {
					return nil, fmt.Errorf("heading %q: %w", title, err)
				}
			}
		}
		if e.version == "" {
			return nil, fmt.Errorf("heading %q has no version", title)
		}
		entries = append(entries, e)
	}
	if len(entries) == 0 {
		return nil, errors.New("the changelog has no heading of a version")
	}
	return entries, nil
}

// items are the changes of one version, broken again and without markup.
func items(markdown string) (found []string) {
	for _, paragraph := range strings.Split(strings.TrimSpace(markdown), "\n\n") {
		for _, item := range strings.Split("\n"+paragraph, "\n- ") {
			text := strings.TrimSpace(item)
			if title, is := strings.CutPrefix(text, "### "); is {
				title, text, _ = strings.Cut(title, "\n")
				found = append(found, "\n  [ "+plain(title)+" ]\n")
			}
			if text != "" {
				found = append(found, wrap("  * ", plain(text)))
			}
		}
	}
	return found
}

// plain is text without the markup of Markdown.
func plain(text string) string {
	return strings.NewReplacer("`", "", "**", "").Replace(link.ReplaceAllString(text, "$1"))
}

// wrap breaks text after a first, below itself.
func wrap(first, text string) string {
	indent := strings.Repeat(" ", len(first))
	var b strings.Builder
	line := strings.TrimSuffix(first, " ")
	for _, word := range strings.Fields(text) {
		if len([]rune(line))+1+len([]rune(word)) > width {
			b.WriteString(line + "\n")
			line = strings.TrimSuffix(indent, " ")
		}
		line += " " + word
	}
	return b.String() + line + "\n"
}
