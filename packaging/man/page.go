// Package man writes manual pages for man(7). It guarantees that a text appears on the page as
// it is, whatever characters it has. It opens no file: it takes texts, which --help and the
// configuration reference show too, and returns a page.
package man

import (
	"fmt"
	"strings"
	"time"
)

// Pair is a term and what it means, such as a flag or an exit code.
type Pair struct{ Term, About string }

// Build is what a page says of the build that it belongs to.
type Build struct {
	Version string
	Date    time.Time
}

// page is a manual page in the making.
type page struct {
	strings.Builder
	titled bool // a title was written last, which begins a paragraph
}

// newPage begins a page with its title line and its section NAME.
func newPage(name string, section int, about string, b Build) *page {
	p := &page{}
	fmt.Fprintf(p, ".TH %s %d %s %s\n", quote(strings.ToUpper(name)), section,
		b.Date.UTC().Format(time.DateOnly), quote("runsc-provisioner "+b.Version))
	// A line of a paragraph is neither hyphenated nor spread to the right margin: it may be
	// a command to be copied.
	p.WriteString(".nh\n.ad l\n")
	p.section("NAME")
	fmt.Fprintf(p, "%s \\- %s\n", escape(name), escape(about))
	return p
}

func (p *page) section(title string) {
	fmt.Fprintf(p, ".SH %s\n", quote(title))
	p.titled = true
}

func (p *page) subsection(title string) {
	fmt.Fprintf(p, ".SS %s\n", quote(title))
	p.titled = true
}

// paragraph begins a paragraph.
func (p *page) paragraph() {
	if !p.titled {
		p.WriteString(".PP\n")
	}
	p.titled = false
}

// text writes paragraphs, which blank lines part. Lines that begin with a blank keep their
// breaks.
func (p *page) text(text string) {
	for _, paragraph := range strings.Split(strings.Trim(text, "\n"), "\n\n") {
		if strings.HasPrefix(paragraph, " ") || strings.Contains(paragraph, "\n ") {
			p.literal(paragraph)
			continue
		}
		p.paragraph()
		p.WriteString(lines(paragraph) + "\n")
	}
}

// literal writes lines with their breaks and blanks.
func (p *page) literal(text string) {
	p.paragraph()
	fmt.Fprintf(p, ".nf\n%s\n.fi\n", lines(text))
}

// terms writes each term in bold, with its meaning below.
func (p *page) terms(pairs []Pair) {
	p.titled = false
	for _, pair := range pairs {
		fmt.Fprintf(p, ".TP\n\\fB%s\\fR\n%s\n", escape(pair.Term), lines(pair.About))
	}
}

// seeAlso refers to other pages, such as "docker(1)".
func (p *page) seeAlso(pages ...string) {
	p.section("SEE ALSO")
	for i, other := range pages {
		name, section, _ := strings.Cut(other, "(")
		end := ","
		if i == len(pages)-1 {
			end = ""
		}
		fmt.Fprintf(p, ".BR %s (%s%s\n", escape(name), section, end)
	}
}

// lines escapes each line of text.
func lines(text string) string {
	escaped := strings.Split(text, "\n")
	for i, line := range escaped {
		escaped[i] = escape(line)
	}
	return strings.Join(escaped, "\n")
}

// characters are those that troff would take for something else (groff_char(7)): "-", "^" and "~"
// become other characters, which a shell does not know when they are copied.
var characters = strings.NewReplacer(
	`\`, `\e`, "-", `\-`, "'", `\(aq`, "`", `\(ga`, "^", `\(ha`, "~", `\(ti`, "\u00a0", `\ `,
)

// escape makes a line of text mean itself. A dot at its start would begin a request.
func escape(line string) string {
	line = characters.Replace(line)
	if strings.HasPrefix(line, ".") {
		return `\&` + line
	}
	return line
}

// quote makes one argument of a request.
func quote(text string) string { return `"` + strings.ReplaceAll(escape(text), `"`, `\(dq`) + `"` }
