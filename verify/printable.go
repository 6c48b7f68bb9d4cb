package verify

import "strconv"

// maxPrintable bounds what Printable keeps of a text, in bytes.
const maxPrintable = 256

// Printable makes text from outside safe for a terminal or a log line: as it
// is when it is short, not empty and of nothing but visible characters and
// single blanks between them, else quoted as Go does, and cut after 256 bytes.
// It is no escaping for a format: perfdata and metrics have their own.
func Printable(s string) string {
	cut := ""
	if len(s) > maxPrintable {
		s, cut = s[:maxPrintable], "…"
	}
	if cut == "" && plain(s) {
		return s
	}
	return strconv.Quote(s) + cut
}

func plain(s string) bool {
	last := ' '
	for _, r := range s {
		if r == '\uFFFD' || r == '"' || !strconv.IsPrint(r) || r == ' ' && last == ' ' {
			return false
		}
		last = r
	}
	return last != ' '
}
