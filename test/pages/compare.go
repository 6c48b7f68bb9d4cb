package pages

import (
	"regexp"
	"strings"
)

// volatile is what differs from run to run and from host to host: times, durations, process
// numbers, IDs, sizes, Docker's version. Each is replaced by a word.
var volatile = []struct {
	pattern *regexp.Regexp
	word    string
}{
	{regexp.MustCompile(`\b[0-9a-f]{128}\b`), "SHA512"},
	{regexp.MustCompile(`\b[0-9A-F]{40}\b`), "KEY"},
	{regexp.MustCompile(`\b[0-9a-f]{64}\b`), "ID"},
	{regexp.MustCompile(`\b[0-9a-f]{12}\b`), "ID"},
	{regexp.MustCompile(`\b\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)?`), "TIME"},
	{regexp.MustCompile(`\b(Mon|Tue|Wed|Thu|Fri|Sat|Sun) \d{4}-\d\d-\d\d`), "DATE"},
	{regexp.MustCompile(`\b\d\d:\d\d:\d\d\b`), "TIME"},
	{regexp.MustCompile(`\b(now|\d+ (second|minute|hour|day)s? (ago|from now))`), "AGO"},
	{regexp.MustCompile(`\b\d+(\.\d+)? (ms|s)\b`), "DURATION"},
	{regexp.MustCompile(`\b(process|pid|PID) \d+`), "process N"},
	{regexp.MustCompile(`\b(took|time|timestamp_seconds|duration)([^=]*)=\d+(\.\d+)?(e[+-]?\d+)?s?`), "$1$2=N"},
	{regexp.MustCompile(`\b\d+\.\d+\.\d+\+dfsg\d+`), "VERSION"},
	{regexp.MustCompile(`\b\d+(\.\d+)? ?([kMGT]i?)B\b`), "SIZE"},
	{regexp.MustCompile(`\b(trixie|bookworm|pages-[a-z-]*)-\d+\b`), "HOST"},
	{regexp.MustCompile(`^@@ .* @@`), "@@"},
	{regexp.MustCompile(`\b\d+ bytes\b`), "SIZE"},
}

// labOnly is what a lab host prints and other hosts do not: it has no delegated cgroup controller,
// so that its runsc needs one more argument.
var labOnly = strings.NewReplacer(
	"; their isolation is weaker by --ignore-cgroups", "",
	"--ignore-cgroups ", "",
	`"--ignore-cgroups",`, "",
	"; no runtime here needs them (--ignore-cgroups)", "",
)

// onlyInLab are lines about that argument.
var onlyInLab = regexp.MustCompile(`^\+?\s*"--ignore-cgroups",?$|^weakened: .*--ignore-cgroups`)

// Clean is the output of a lab host as a page shows it.
func Clean(output string) []string {
	var lines []string
	for line := range strings.Lines(output) {
		line = strings.TrimRight(line, " \t\r\n")
		if !onlyInLab.MatchString(line) {
			lines = append(lines, strings.TrimRight(labOnly.Replace(line), " \t"))
		}
	}
	return trimEmpty(lines)
}

// Comparable is a line without what differs from run to run, and without the width of columns.
func Comparable(line string) string {
	for _, v := range volatile {
		line = v.pattern.ReplaceAllString(line, v.word)
	}
	return strings.Join(strings.Fields(line), " ")
}

// Elided stands in a page for any text of a line, or, on a line of its own, for any lines.
const Elided = "…"

// Matches reports whether output is what a page shows.
func Matches(shown, output []string) bool {
	if len(shown) == 0 {
		return len(output) == 0
	}
	if strings.TrimSpace(shown[0]) == Elided {
		for i := range len(output) + 1 {
			if Matches(shown[1:], output[i:]) {
				return true
			}
		}
		return false
	}
	return len(output) > 0 && matchesLine(shown[0], output[0]) && Matches(shown[1:], output[1:])
}

func matchesLine(shown, line string) bool {
	parts := strings.Split(Comparable(shown), Elided)
	for i, part := range parts {
		parts[i] = regexp.QuoteMeta(part)
	}
	return regexp.MustCompile("^" + strings.Join(parts, ".*") + "$").MatchString(Comparable(line))
}
