package pages

import (
	"regexp"
	"strings"
	"unicode"
)

// A Link is one link of a page.
type Link struct {
	Line   int
	Target string
}

var (
	codeSpan = regexp.MustCompile("`[^`]*`")
	linkText = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	heading  = regexp.MustCompile(`^#{1,6} +(.*?)\s*$`)
)

// Links lists the links of a page. A link may go over the end of a line.
func (p Page) Links() []Link {
	var links []Link
	text := codeSpan.ReplaceAllStringFunc(strings.Join(p.Prose, "\n"), func(span string) string {
		return strings.Repeat("\n", strings.Count(span, "\n"))
	})
	for _, at := range linkText.FindAllStringSubmatchIndex(text, -1) {
		links = append(links, Link{Line: 1 + strings.Count(text[:at[0]], "\n"), Target: text[at[2]:at[3]]})
	}
	return links
}

// Headings lists the texts of the headings of a page, as written.
func (p Page) Headings() []string {
	var all []string
	for _, line := range p.Prose {
		if found := heading.FindStringSubmatch(line); found != nil {
			all = append(all, found[1])
		}
	}
	return all
}

// Anchors are the names that links to the headings of a page use, as GitHub makes them.
func (p Page) Anchors() map[string]bool {
	anchors := map[string]bool{}
	for _, text := range p.Headings() {
		var b strings.Builder
		for _, r := range strings.ToLower(linkTo.ReplaceAllString(text, "$1")) {
			switch {
			case unicode.IsLetter(r), unicode.IsDigit(r), r == '-', r == '_':
				b.WriteRune(r)
			case r == ' ':
				b.WriteRune('-')
			}
		}
		anchors[b.String()] = true
	}
	return anchors
}

var linkTo = regexp.MustCompile(`\[([^\]]*)\]\([^)]*\)`)
