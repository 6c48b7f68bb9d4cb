package commandline

import "strings"

const blanks = " \t\n\r"

// expand replaces variables as systemd does for ExecStart= (systemd.service(5),
// "Command lines"): $NAME as a whole word becomes the words of its value,
// ${NAME} anywhere becomes the value unsplit, $$ becomes $, and any other $
// stays.
func expand(argv []string, environment map[string]string) []string {
	var words []string
	for _, word := range argv {
		if len(word) > 1 && word[0] == '$' && word[1] != '{' && word[1] != '$' {
			words = append(words, splitWords(environment[word[1:]])...)
			continue
		}
		words = append(words, expandInside(word, environment))
	}
	return words
}

func expandInside(word string, environment map[string]string) string {
	var out strings.Builder
	for {
		before, after, ok := strings.Cut(word, "$")
		out.WriteString(before)
		if !ok {
			return out.String()
		}
		if rest, ok := strings.CutPrefix(after, "$"); ok {
			out.WriteByte('$')
			word = rest
			continue
		}
		if inside, ok := strings.CutPrefix(after, "{"); ok {
			if name, rest, ok := strings.Cut(inside, "}"); ok {
				out.WriteString(environment[name])
				word = rest
				continue
			}
		}
		out.WriteByte('$')
		word = after
	}
}

// splitWords splits at blanks outside of quotes. It removes the quotes. A
// backslash makes the next character an ordinary one, inside quotes too.
func splitWords(value string) []string {
	var (
		words   []string
		word    []byte
		begun   bool // so that "" becomes an empty word
		quote   byte
		escaped bool
	)
	for _, c := range []byte(value) {
		switch {
		case escaped:
			word = append(word, c)
			escaped = false
		case c == '\\':
			begun, escaped = true, true
		case quote != 0 && c == quote:
			quote = 0
		case quote != 0:
			word = append(word, c)
		case c == '"' || c == '\'':
			begun, quote = true, c
		case strings.IndexByte(blanks, c) >= 0:
			if begun {
				words = append(words, string(word))
			}
			begun, word = false, nil
		default:
			begun = true
			word = append(word, c)
		}
	}
	if begun {
		words = append(words, string(word))
	}
	return words
}
