package verify

import (
	"fmt"
	"strconv"
	"strings"
)

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

// PrintableList is the first most of texts as Printable makes them, separated by commas, and how many more there are.
func PrintableList(texts []string, most int) string {
	var shown []string
	for _, text := range texts[:min(len(texts), most)] {
		shown = append(shown, Printable(text))
	}
	list := strings.Join(shown, ", ")
	if more := len(texts) - len(shown); more > 0 {
		list += fmt.Sprintf(" and %d more", more)
	}
	return list
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
