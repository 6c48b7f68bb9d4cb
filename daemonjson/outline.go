package daemonjson

import "strings"

// structure are the characters of JSON that are no value, and what may stand between them.
const structure = "{}[]:,\" \t\r\n"

// Outline shows of a text that Parse refuses how it is made, so that a person sees what is wrong with it: brackets,
// quotes and commas, true, false and null, and the names of dockerd's options. All else is "***", because where a
// string begins and ends is not known.
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
