package daemonjson

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

func isDigit(c byte) bool  { return '0' <= c && c <= '9' }
func isLetter(c byte) bool { return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' }
func isSpace(c byte) bool  { return c == ' ' || c == '\t' || c == '\n' || c == '\r' }

// peek returns the byte at pos, or 0 at the end; no JSON token starts with 0.
func (s *scanner) peek() byte {
	if s.pos < len(s.text) {
		return s.text[s.pos]
	}
	return 0
}

func (s *scanner) space() {
	for s.pos < len(s.text) && isSpace(s.text[s.pos]) {
		s.pos++
	}
}

// str reads a string, from its opening quote to past its closing one.
func (s *scanner) str() error {
	begin := s.pos
	for s.pos++; s.pos < len(s.text); s.pos++ {
		switch c := s.text[s.pos]; {
		case c == '"':
			s.pos++
			return nil
		case c == '\n' || c == '\r':
			return errorAt(s.text, begin, "the string that starts here is not closed on its line")
		case c < ' ':
			return errorAt(s.text, s.pos, "control character %#02x in a string: write it as an escape", c)
		case c == '\\':
			if err := s.escape(); err != nil {
				return err
			}
		}
	}
	return errorAt(s.text, len(s.text), "cut short: the file ends inside the string that starts on line %d", lineAt(s.text, begin))
}

// escape reads the escape at pos, to its last character.
func (s *scanner) escape() error {
	begin := s.pos
	s.pos++
	if s.pos == len(s.text) {
		return nil // str reports that the file is cut short
	}
	if strings.IndexByte(`"\/bfnrt`, s.text[s.pos]) >= 0 {
		return nil
	}
	if s.text[s.pos] != 'u' {
		return errorAt(s.text, begin, `unknown escape in a string: a backslash itself is written \\`)
	}
	for range 4 {
		s.pos++
		if s.pos == len(s.text) {
			s.pos--
			return nil
		}
		if c := s.text[s.pos] | 0x20; !isDigit(s.text[s.pos]) && (c < 'a' || c > 'f') {
			return errorAt(s.text, begin, `\u is not followed by four hexadecimal digits`)
		}
	}
	return nil
}

// number reads a number of any size; this package does not check dockerd's
// limits on a value.
func (s *scanner) number() error {
	begin := s.pos
	if s.peek() == '-' {
		s.pos++
	}
	good := true
	if s.peek() == '0' {
		s.pos++
	} else {
		good = s.digits()
	}
	if good && s.peek() == '.' {
		s.pos++
		good = s.digits()
	}
	if good && s.peek()|0x20 == 'e' {
		s.pos++
		if s.peek() == '+' || s.peek() == '-' {
			s.pos++
		}
		good = s.digits()
	}
	if !good && s.pos == len(s.text) {
		return s.unexpected("the rest of a number")
	}
	if c := s.peek(); !good || isDigit(c) || isLetter(c) || c == '.' || c == '+' || c == '-' {
		return errorAt(s.text, begin, "malformed number")
	}
	return nil
}

// digits reads one digit or more.
func (s *scanner) digits() bool {
	begin := s.pos
	for isDigit(s.peek()) {
		s.pos++
	}
	return s.pos > begin
}

func (s *scanner) word() error {
	begin := s.pos
	for isLetter(s.peek()) {
		s.pos++
	}
	word := s.text[begin:s.pos]
	for _, literal := range []string{"true", "false", "null"} {
		if word == literal {
			return nil
		}
		if s.pos == len(s.text) && strings.HasPrefix(literal, word) {
			return s.unexpected("the rest of " + literal)
		}
	}
	return errorAt(s.text, begin, "unknown word: text must be in double quotes, and true, false and null in lower case")
}

// unexpected reports what is at pos in place of what is expected, in words that
// users search for.
func (s *scanner) unexpected(wanted string) error {
	switch {
	case s.pos == len(s.text):
		return errorAt(s.text, s.pos, "cut short: the file ends %s", s.inside(wanted))
	case s.atComment():
		return errorAt(s.text, s.pos, "comment: JSON has none, remove it")
	case s.peek() == '\'':
		return errorAt(s.text, s.pos, "single quote: JSON has double quotes only")
	}
	found, _ := utf8.DecodeRuneInString(s.text[s.pos:])
	return errorAt(s.text, s.pos, "%q where %s belongs", found, wanted)
}

// inside names the object or array that is being read.
func (s *scanner) inside(wanted string) string {
	if len(s.open) == 0 {
		return "before " + wanted
	}
	begin := s.open[len(s.open)-1]
	what := "object"
	if s.text[begin] == '[' {
		what = "array"
	}
	return fmt.Sprintf("inside the %s that starts on line %d", what, lineAt(s.text, begin))
}

func (s *scanner) atComment() bool {
	rest := s.text[s.pos:]
	return strings.HasPrefix(rest, "//") || strings.HasPrefix(rest, "/*") || strings.HasPrefix(rest, "#")
}

// unseparated reports what is wrong after a member without a comma or closing
// bracket after it.
func (s *scanner) unseparated(member node, closing byte) error {
	if c := s.peek(); c == '"' || c == '{' || c == '[' || isDigit(c) || isLetter(c) {
		return errorAt(s.text, member.end, "missing comma")
	}
	return s.unexpected("',' or '" + string(closing) + "'")
}

// trailing reports what follows the document. dockerd 20.10 ignores it, later
// versions refuse it.
func (s *scanner) trailing(root node) error {
	if s.atComment() {
		return s.unexpected("the end of the file")
	}
	if root.kind == kindString && s.peek() == ':' {
		return errorAt(s.text, root.start, "braces missing: put { before this key, and } at the end of the file")
	}
	if c := s.peek(); c == '{' || c == '[' {
		return errorAt(s.text, s.pos, "two documents: keep one")
	}
	return errorAt(s.text, s.pos, "text after the document: remove it")
}
