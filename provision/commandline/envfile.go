package commandline

import "strings"

// parseEnvironmentFile reads assignments as systemd does (systemd.exec(5),
// EnvironmentFile=): one per line, the last one for a name wins, "#" and ";"
// start a comment, quotes may span lines, and a backslash at the end of a line
// joins it with the next. A line without "=" is ignored.
func parseEnvironmentFile(text string) map[string]string {
	assignments := map[string]string{}
	for text != "" {
		text = strings.TrimLeft(text, blanks)
		if text == "" {
			break
		}
		end := strings.IndexAny(text, "\n\r")
		if end < 0 {
			end = len(text)
		}
		name, _, ok := strings.Cut(text[:end], "=")
		if text[0] == '#' || text[0] == ';' || !ok {
			text = text[end:]
			continue
		}
		var value string
		value, text = environmentValue(text[len(name)+1:])
		assignments[strings.TrimRight(name, blanks)] = value
	}
	return assignments
}

// environmentValue reads a value up to the end of its line, and returns the
// rest of the text. Quotes count only before the first bare character: a"b" is
// a"b".
func environmentValue(text string) (value, rest string) {
	var out []byte
	solid := 0 // length of out without trailing bare blanks
	bare := false
	for i := 0; i < len(text); i++ {
		c := text[i]
		switch {
		case c == '\n' || c == '\r':
			return string(out[:solid]), text[i:]
		case c == '\\':
			bare = true
			if i++; i < len(text) && text[i] != '\n' && text[i] != '\r' {
				out = append(out, text[i])
			}
			solid = len(out)
		case !bare && (c == '\'' || c == '"'):
			var quoted string
			quoted, i = quotedValue(text, i)
			out = append(out, quoted...)
			solid = len(out)
		case strings.IndexByte(blanks, c) >= 0:
			if bare {
				out = append(out, c)
			}
		default:
			bare = true
			out = append(out, c)
			solid = len(out)
		}
	}
	return string(out[:solid]), ""
}

// quotedValue reads the quoted text that begins at start, and returns the index
// of the closing quote.
func quotedValue(text string, start int) (value string, end int) {
	var out []byte
	quote := text[start]
	for i := start + 1; i < len(text); i++ {
		c := text[i]
		switch {
		case c == quote:
			return string(out), i
		case c == '\\' && quote == '"' && i+1 < len(text):
			i++
			switch next := text[i]; {
			case next == '\n':
			case strings.IndexByte("\"\\`$", next) >= 0:
				out = append(out, next)
			default:
				out = append(out, c, next)
			}
		default:
			out = append(out, c)
		}
	}
	return string(out), len(text)
}
