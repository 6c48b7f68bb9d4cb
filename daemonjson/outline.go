package daemonjson

import "strings"

// structure lists the characters of JSON that are not part of a value, and
// white space.
const structure = "{}[]:,\" \t\r\n"

// Outline shows the structure of a text that Parse refuses, so that a reader
// sees what is wrong with it: brackets, quotes and commas, true, false and
// null, and the names of dockerd's options. Everything else is "***", because
// in a broken text the ends of strings are unknown.
func Outline(text []byte) string {
	var b strings.Builder
	for rest := string(text); rest != ""; {
		n := strings.IndexAny(rest, structure)
		switch {
		case n == 0:
			b.WriteByte(rest[0])
			rest = rest[1:]
			continue
		case n < 0:
			n = len(rest)
		}
		if isOptionName(rest[:n]) {
			b.WriteString(rest[:n])
		} else {
			b.WriteString("***")
		}
		rest = rest[n:]
	}
	return b.String()
}

func isOptionName(word string) bool {
	switch word {
	case "true", "false", "null", fieldPath, fieldArgs, fieldType, fieldOptions,
		"log-opts", "storage-opts", "exec-opts", "labels", "proxies", "http-proxy", "https-proxy", "no-proxy", "authorization-plugins":
		return true
	}
	return ruleOf(word) != ruleHide
}
