package verify

import "strconv"

// maxPrintable is how much of a text Printable keeps, in bytes.
const maxPrintable = 256

// Printable makes text from outside safe for a terminal or a log line. It
// returns s unchanged if s is not empty, has at most 256 bytes, and consists of
// visible characters with single blanks between them. Otherwise it quotes s as
// Go does and cuts it after 256 bytes. It does not escape for a format:
// perfdata and metrics have their own escaping.
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
